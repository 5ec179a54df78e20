#include "sources/short_names.h"

#include <utility>

#include "toml_table.h"

namespace estiba::sources {
namespace {

using codec::TomlValue;
using Kind = TomlValue::Kind;

Result<std::optional<ShortNames::Mode>> ReadMode(const Table& table) {
  const std::string mode = TRY(table.Text("short-name-mode"));
  if (mode.empty()) return std::optional<ShortNames::Mode>();
  if (mode == "enforcing") return std::optional(ShortNames::Mode::kEnforcing);
  if (mode == "permissive") return std::optional(ShortNames::Mode::kPermissive);
  if (mode == "disabled") return std::optional(ShortNames::Mode::kDisabled);
  return table.Complain(table.value().Find("short-name-mode")->line,
                        "short-name-mode: '" + mode + "' is none of enforcing, permissive, disabled");
}

Result<std::optional<std::vector<std::string>>> ReadSearch(const Table& table) {
  constexpr const char* kKey = "unqualified-search-registries";
  const TomlValue* given = TRY(table.Take(kKey, Kind::kArray));
  if (given == nullptr) return std::optional<std::vector<std::string>>();
  std::vector<std::string> registries = TRY(table.Texts(kKey));
  for (const std::string& registry : registries) {
    const std::string probe = registry + "/a";
    if (!oci::ParseReference(probe).ok() || IsShortName(probe))
      return table.Complain(given->line, std::string(kKey) + ": '" + registry + "' is not HOST[:PORT][/NAMESPACE]");
  }
  return std::optional(std::move(registries));
}

bool IsBare(const oci::Reference& reference) { return reference.tag.empty() && reference.digest.empty(); }

Result<std::map<std::string, std::string, std::less<>>> ReadAliases(const Table& table) {
  std::map<std::string, std::string, std::less<>> out;
  const TomlValue* aliases = TRY(table.Take("aliases", Kind::kTable));
  if (aliases == nullptr) return out;
  for (const auto& [name, value] : aliases->members) {
    if (value.kind != Kind::kString)
      return table.Complain(value.line, "aliases: '" + name + "': expected string, got " +
                                            std::string(codec::KindName(value.kind)));
    if (const Status sound = CheckAlias(name, value.text); !sound.ok())
      return table.Complain(value.line, "aliases: " + sound.error().Message());
    out[name] = value.text;
  }
  return out;
}

Result<std::vector<oci::Reference>> At(const std::vector<std::string>& registries, std::string_view text) {
  std::vector<oci::Reference> out;
  for (const std::string& registry : registries) {
    oci::Reference one = TRY(oci::ParseReferenceOrLatest(registry + "/" + std::string(text)));
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace

bool IsShortName(std::string_view text) {
  const auto parsed = oci::ParseReference(text);
  if (!parsed.ok() || parsed->domain != "docker.io") return false;
  return !text.starts_with("docker.io/") && !text.starts_with("index.docker.io/");
}

std::string_view AliasedPart(std::string_view text) {
  const std::string_view undigested = text.substr(0, text.find('@'));
  const std::size_t slash = undigested.rfind('/');
  return undigested.substr(0, undigested.find(':', slash == std::string_view::npos ? 0 : slash));
}

Status CheckAlias(const std::string& name, const std::string& value) {
  const auto from = oci::ParseReference(name);
  if (!from.ok() || !IsShortName(name) || !IsBare(*from))
    return Error(Code::kInvalidArgument, "'" + name + "' is not a name without a registry, tag and digest");
  if (value.empty()) return Ok();
  const auto to = oci::ParseReference(value);
  if (!to.ok() || IsShortName(value) || !IsBare(*to))
    return Error(Code::kInvalidArgument, "'" + value + "' is not HOST/NAME without tag and digest");
  return Ok();
}

Result<ShortNames> ShortNames::Read(const TomlValue& top, const std::string& file) {
  const Table table(top, file);
  ShortNames out;
  out.mode = TRY(ReadMode(table));
  out.search = TRY(ReadSearch(table));
  out.aliases = TRY(ReadAliases(table));
  return out;
}

void ShortNames::Merge(ShortNames later) {
  if (later.mode) mode = later.mode;
  if (later.search) search = std::move(later.search);
  for (auto& [name, value] : later.aliases) aliases[name] = std::move(value);
}

Result<Meanings> ShortNames::MeaningsOf(std::string_view text, const std::optional<std::string>& alias) const {
  const oci::Reference own = TRY(oci::ParseReferenceOrLatest(text));
  const std::string_view name = AliasedPart(text);
  const auto known = aliases.find(name);
  const std::string meant = alias ? *alias : known == aliases.end() ? std::string() : known->second;
  const std::vector<std::string> registries = search.value_or(std::vector<std::string>());
  Meanings out;
  if (!IsShortName(text) || (meant.empty() && registries.empty())) {
    out.names = out.local = {own};
    return out;
  }
  // podman looks at localhost/NAME before it looks at the registries: that is what it calls images that were named
  // without one. Here such images are called as docker calls them.
  const std::vector<oci::Reference> found = TRY(At(registries, text));
  const std::vector<oci::Reference> unnamed = TRY(At({"localhost"}, text));
  out.local = {own, unnamed.front()};
  out.local.insert(out.local.end(), found.begin(), found.end());
  if (!meant.empty()) {
    TRY(CheckAlias(std::string(name), meant));
    out.names = {TRY(oci::ParseReferenceOrLatest(meant + std::string(text.substr(name.size()))))};
    out.local.insert(out.local.begin(), out.names.front());
    return out;
  }
  out.names = found;
  if (found.size() > 1 && mode != Mode::kDisabled)
    out.choice = mode == Mode::kEnforcing ? Meanings::Choice::kRequired : Meanings::Choice::kOffered;
  return out;
}

}  // namespace estiba::sources
