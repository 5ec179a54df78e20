#pragma once
// Reading the values of a lab's file, every complaint with its place: "lan.yaml:12: links[3].mtu: …".

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "codec/yaml.h"

namespace estiba::lab {

// A value and what it is called.
struct Place {
  const codec::YamlValue* value = nullptr;
  const std::string* file = nullptr;
  std::string path;  // "nodes.r1.routes[0]"

  Place Member(const codec::YamlMember& member) const;
  Place Item(std::size_t i) const;
  Error Wrong(const std::string& why) const;
  // A failure of reading this value's text, with its place in front.
  Error Wrong(Error why) const;
};
Error WrongAt(const std::string& file, unsigned line, const std::string& why);

// The value's text; an error if it is no scalar or empty.
Result<std::string> TextOf(const Place& place);
Result<bool> BoolOf(const Place& place);
// The items of a sequence of texts; a single text is a sequence of one.
Result<std::vector<Place>> ItemsOf(const Place& place);
// A mapping (or nothing at all), whose keys must be among `known`.
Status CheckMapping(const Place& place, std::initializer_list<std::string_view> known);

// What `parse` makes of the text, or its complaint with the place.
template <typename Parse>
auto Read(const Place& place, Parse parse) -> decltype(parse(std::string_view())) {
  auto text = TextOf(place);
  if (!text.ok()) return std::move(text).error();
  auto value = parse(std::string_view(*text));
  if (!value.ok()) return place.Wrong(std::move(value).error());
  return value;
}

}  // namespace estiba::lab
