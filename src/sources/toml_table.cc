#include "toml_table.h"

namespace estiba::sources {

using codec::TomlValue;

Error Table::Complain(unsigned line, const std::string& what) const {
  return Error(Code::kInvalidArgument, file_ + ":" + std::to_string(line) + ": " + what);
}

Result<const TomlValue*> Table::Take(const char* key, Kind kind) const {
  const TomlValue* member = value_.Find(key);
  if (member != nullptr && member->kind != kind)
    return Complain(member->line, std::string(key) + ": expected " + std::string(codec::KindName(kind)) + ", got " +
                                      std::string(codec::KindName(member->kind)));
  return member;
}

Result<std::string> Table::Text(const char* key) const {
  const TomlValue* member = TRY(Take(key, Kind::kString));
  return member == nullptr ? std::string() : member->text;
}

Result<bool> Table::Flag(const char* key) const {
  const TomlValue* member = TRY(Take(key, Kind::kBoolean));
  return member != nullptr && member->boolean;
}

Result<std::vector<std::string>> Table::Texts(const char* key) const {
  const TomlValue* member = value_.Find(key);
  std::vector<std::string> out;
  if (member == nullptr) return out;
  if (member->kind == Kind::kString) return std::vector<std::string>{member->text};
  const TomlValue* list = TRY(Take(key, Kind::kArray));
  for (const TomlValue& item : list->items) {
    if (item.kind != Kind::kString) return Complain(item.line, std::string(key) + ": expected a list of strings");
    out.push_back(item.text);
  }
  return out;
}

Result<std::vector<Table>> Table::Tables(const char* key) const {
  std::vector<Table> out;
  const TomlValue* member = TRY(Take(key, Kind::kArray));
  if (member == nullptr) return out;
  for (const TomlValue& item : member->items) {
    if (item.kind != Kind::kTable) return Complain(item.line, std::string(key) + ": expected a list of tables");
    out.emplace_back(item, file_);
  }
  return out;
}

}  // namespace estiba::sources
