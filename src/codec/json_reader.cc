#include "codec/json_reader.h"

#include <limits>
#include <optional>

namespace estiba::codec {
namespace {

bool SameFolded(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  const auto fold = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (fold(a[i]) != fold(b[i])) return false;
  }
  return true;
}

std::string_view KindName(const Json& value) {
  switch (value.kind()) {
    case Json::Kind::kNull: return "null";
    case Json::Kind::kBool: return "a boolean";
    case Json::Kind::kInt:
    case Json::Kind::kUint: return "a number";
    case Json::Kind::kDouble: return "a fraction or a number out of range";
    case Json::Kind::kString: return "a string";
    case Json::Kind::kArray: return "a list";
    case Json::Kind::kObject: return "an object";
  }
  return "?";
}

}  // namespace

struct Reader::State {
  std::optional<Error> error;
};

Reader::Reader(const Json& value, std::string path, Keys keys)
    : Reader(value, std::move(path), keys, std::make_shared<State>()) {}

Reader::Reader(const Json& value, std::string path, Keys keys, std::shared_ptr<State> state)
    : value_(&value), path_(std::move(path)), keys_(keys), state_(std::move(state)) {
  if (value.IsObject()) {
    read_.resize(value.size());
  } else if (!value.IsNull()) {
    Fail("", "expected an object, got " + std::string(KindName(value)));
  }
}

Reader::~Reader() = default;

Reader Reader::Child(const Json& value, std::string_view name) const {
  return Reader(value, path_.empty() ? std::string(name) : path_ + "." + std::string(name), keys_, state_);
}

std::optional<std::size_t> Reader::IndexOf(std::string_view key) const {
  const Json::Object* object = value_->IfObject();
  if (object == nullptr) return std::nullopt;
  for (std::size_t i = 0; i < object->size(); ++i) {
    if ((*object)[i].key == key) return i;
  }
  for (std::size_t i = 0; keys_ == Keys::kFoldCase && i < object->size(); ++i) {
    if (SameFolded((*object)[i].key, key)) return i;
  }
  return std::nullopt;
}

bool Reader::Has(std::string_view key) const {
  const auto index = IndexOf(key);
  return index.has_value() && !(*value_->IfObject())[*index].value.IsNull();
}

void Reader::Touch(std::string_view key) {
  if (const auto index = IndexOf(key)) read_[*index] = true;
}

const Json* Reader::Take(std::string_view key) {
  if (!ok()) return nullptr;
  const auto index = IndexOf(key);
  if (!index.has_value()) return nullptr;
  read_[*index] = true;
  const Json& value = (*value_->IfObject())[*index].value;
  return value.IsNull() ? nullptr : &value;
}

const Json* Reader::TakeKind(std::string_view key, Json::Kind kind) {
  const Json* value = Take(key);
  if (value == nullptr || value->kind() == kind) return value;
  Mismatch(key, kind == Json::Kind::kObject ? "an object" : "a list", *value);
  return nullptr;
}

void Reader::Read(std::string_view key, bool* out) {
  const Json* value = Take(key);
  if (value == nullptr) return;
  if (const auto flag = value->IfBool()) {
    *out = *flag;
  } else {
    Mismatch(key, "a boolean", *value);
  }
}

template <typename T>
void Reader::ReadInteger(std::string_view key, T* out) {
  const Json* value = Take(key);
  if (value == nullptr) return;
  if constexpr (std::is_signed_v<T>) {
    const auto number = value->IfInt();
    if (number.has_value() && *number >= std::numeric_limits<T>::min() &&
        *number <= std::numeric_limits<T>::max()) {
      *out = static_cast<T>(*number);
      return;
    }
  } else {
    const auto number = value->IfUint();
    if (number.has_value() && *number <= std::numeric_limits<T>::max()) {
      *out = static_cast<T>(*number);
      return;
    }
  }
  if (value->kind() == Json::Kind::kInt || value->kind() == Json::Kind::kUint) {
    return Fail(key, "the number " + value->Dump() + " is out of range");
  }
  Mismatch(key, "a whole number", *value);
}

void Reader::Read(std::string_view key, std::int64_t* out) { ReadInteger(key, out); }
void Reader::Read(std::string_view key, std::uint64_t* out) { ReadInteger(key, out); }
void Reader::Read(std::string_view key, std::int32_t* out) { ReadInteger(key, out); }
void Reader::Read(std::string_view key, std::uint32_t* out) { ReadInteger(key, out); }
void Reader::Read(std::string_view key, std::uint16_t* out) { ReadInteger(key, out); }

void Reader::Read(std::string_view key, double* out) {
  const Json* value = Take(key);
  if (value == nullptr) return;
  if (const auto number = value->IfDouble()) {
    *out = *number;
  } else {
    Mismatch(key, "a number", *value);
  }
}

void Reader::Read(std::string_view key, std::string* out) {
  const Json* value = Take(key);
  if (value == nullptr) return;
  if (const std::string* text = value->IfString()) {
    *out = *text;
  } else {
    Mismatch(key, "a string", *value);
  }
}

void Reader::Read(std::string_view key, std::vector<std::string>* out) {
  const Json* list = TakeKind(key, Json::Kind::kArray);
  if (list == nullptr) return;
  std::vector<std::string> items;
  items.reserve(list->size());
  for (std::size_t i = 0; i < list->size(); ++i) {
    const Json& item = (*list->IfArray())[i];
    const std::string* text = item.IfString();
    if (text == nullptr) return Mismatch(std::string(key) + "[" + std::to_string(i) + "]", "a string", item);
    items.push_back(*text);
  }
  *out = std::move(items);
}

void Reader::Read(std::string_view key, std::vector<std::uint32_t>* out) {
  const Json* list = TakeKind(key, Json::Kind::kArray);
  if (list == nullptr) return;
  std::vector<std::uint32_t> items;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const Json& item = (*list->IfArray())[i];
    const auto number = item.IfUint();
    if (!number.has_value() || *number > UINT32_MAX) {
      return Mismatch(std::string(key) + "[" + std::to_string(i) + "]", "a number from 0 to 4294967295",
                      item);
    }
    items.push_back(static_cast<std::uint32_t>(*number));
  }
  *out = std::move(items);
}

void Reader::Read(std::string_view key, std::map<std::string, std::string>* out) {
  const Json* map = TakeKind(key, Json::Kind::kObject);
  if (map == nullptr) return;
  std::map<std::string, std::string> items;
  for (const Json::Member& member : *map->IfObject()) {
    const std::string* text = member.value.IfString();
    if (text == nullptr) return Mismatch(std::string(key) + "." + member.key, "a string", member.value);
    items[member.key] = *text;
  }
  *out = std::move(items);
}

void Reader::Read(std::string_view key, Json* out) {
  if (const Json* value = Take(key)) *out = *value;
}

void Reader::ReadStringOrList(std::string_view key, std::vector<std::string>* out) {
  if (!ok()) return;
  const auto index = IndexOf(key);
  const std::string* text = index.has_value() ? (*value_->IfObject())[*index].value.IfString() : nullptr;
  if (text == nullptr) return Read(key, out);
  read_[*index] = true;
  *out = {*text};
}

void Reader::Require(std::string_view key, std::string* out) {
  Read(key, out);
  if (ok() && out->empty()) Fail(key, "missing or empty");
}

std::vector<std::string> Reader::Unread() const {
  std::vector<std::string> names;
  const Json::Object* object = value_->IfObject();
  for (std::size_t i = 0; object != nullptr && i < object->size(); ++i) {
    if (!read_[i] && !(*object)[i].value.IsNull()) names.push_back((*object)[i].key);
  }
  return names;
}

bool Reader::ok() const { return !state_->error.has_value(); }

void Reader::Mismatch(std::string_view key, std::string_view expected, const Json& got) {
  Fail(key, "expected " + std::string(expected) + ", got " + std::string(KindName(got)));
}

void Reader::Fail(std::string_view key, std::string_view what) {
  std::string where = path_;
  if (!where.empty() && !key.empty()) where += '.';
  where += key;
  if (!where.empty()) where += ": ";
  Fail(Error(Code::kInvalidArgument, where + std::string(what)));
}

void Reader::Fail(Error error) {
  if (ok()) state_->error.emplace(std::move(error));
}

Status Reader::Finish() {
  if (ok()) return Ok();
  return state_->error->Clone();
}

}  // namespace estiba::codec
