#include "file.h"

#include <algorithm>

#include "base/text.h"

namespace estiba::lab {

Place Place::Member(const codec::YamlMember& member) const {
  return {&member.value, file, path.empty() ? member.key : path + "." + member.key};
}

Place Place::Item(std::size_t i) const { return {&value->items[i], file, path + "[" + std::to_string(i) + "]"}; }

Error WrongAt(const std::string& file, unsigned line, const std::string& why) {
  return Error(Code::kInvalidArgument, file + ":" + std::to_string(line) + ": " + why);
}

Error Place::Wrong(const std::string& why) const {
  return WrongAt(*file, value->line, path.empty() ? why : path + ": " + why);
}

Error Place::Wrong(Error why) const { return Wrong(why.Message()); }

Result<std::string> TextOf(const Place& place) {
  if (place.value->kind != codec::YamlValue::Kind::kScalar)
    return place.Wrong("a text belongs here, not a " + std::string(codec::KindName(place.value->kind)));
  if (place.value->text.empty()) return place.Wrong("a text belongs here, not nothing");
  if (place.value->text.find('\0') != std::string::npos) return place.Wrong("a NUL has no place in a text");
  return place.value->text;
}

Result<bool> BoolOf(const Place& place) {
  const auto value = place.value->IfBool();
  if (!value) return place.Wrong("'true' or 'false' belongs here");
  return *value;
}

Result<std::vector<Place>> ItemsOf(const Place& place) {
  std::vector<Place> items;
  if (place.value->kind == codec::YamlValue::Kind::kMapping)
    return place.Wrong("a sequence belongs here, not a mapping");
  if (place.value->kind == codec::YamlValue::Kind::kScalar) {
    if (!place.value->IsNull()) items.push_back(place);
    return items;
  }
  for (std::size_t i = 0; i < place.value->items.size(); ++i) items.push_back(place.Item(i));
  return items;
}

Status CheckMapping(const Place& place, std::initializer_list<std::string_view> known) {
  if (place.value->IsNull()) return Ok();
  if (place.value->kind != codec::YamlValue::Kind::kMapping)
    return place.Wrong("a mapping belongs here, not a " + std::string(codec::KindName(place.value->kind)));
  for (const codec::YamlMember& member : place.value->members) {
    if (std::ranges::find(known, member.key) != known.end()) continue;
    std::vector<std::string> names(known.begin(), known.end());
    return place.Member(member).Wrong("there is no such key; here may stand " + Join(names, ", "));
  }
  return Ok();
}

}  // namespace estiba::lab
