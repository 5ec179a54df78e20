#include "sources/registries_conf.h"

#include <algorithm>

#include "oci/reference.h"
#include "toml_table.h"

namespace estiba::sources {
namespace {

using codec::TomlValue;
using Kind = TomlValue::Kind;

bool IsWildcard(std::string_view prefix) { return prefix.starts_with("*."); }

// "host:5000/path" without a scheme; the part behind the host may be missing.
Status CheckLocation(const Table& table, const char* key, const std::string& location) {
  const std::size_t slash = location.find('/');
  const std::string host = location.substr(0, slash);
  const auto known = oci::RegistryHost(host);
  const bool path_ok =
      slash == std::string::npos || oci::ParseReference("h.io" + location.substr(slash)).ok();
  if (host.empty() || !known.ok() || !path_ok)
    return table.Complain(std::string(key) + ": '" + location + "' is not HOST[:PORT][/NAMESPACE]");
  return Ok();
}

Result<Endpoint::Pulls> ReadPulls(const Table& table, bool digest_only) {
  const TomlValue* given = TRY(table.Take("pull-from-mirror", Kind::kString));
  const std::string_view pulls = given == nullptr ? std::string_view() : std::string_view(given->text);
  if (digest_only && !pulls.empty() && pulls != "digest-only")
    return table.Complain("pull-from-mirror: '" + std::string(pulls) +
                          "' contradicts the registry's mirror-by-digest-only");
  if (digest_only || pulls == "digest-only") return Endpoint::Pulls::kDigestOnly;
  if (pulls == "tag-only") return Endpoint::Pulls::kTagOnly;
  if (pulls.empty() || pulls == "all") return Endpoint::Pulls::kAll;
  return table.Complain("pull-from-mirror: '" + std::string(pulls) + "' is none of all, digest-only, tag-only");
}

Result<Endpoint> ReadMirror(const Table& table, bool digest_only) {
  Endpoint out;
  out.location = TRY(table.Text("location"));
  TRY(CheckLocation(table, "location", out.location));
  out.insecure = TRY(table.Flag("insecure"));
  out.pulls = TRY(ReadPulls(table, digest_only));
  return out;
}

Result<Registry> ReadRegistry(const Table& table) {
  Registry out;
  out.prefix = TRY(table.Text("prefix"));
  out.own.location = TRY(table.Text("location"));
  out.own.insecure = TRY(table.Flag("insecure"));
  out.blocked = TRY(table.Flag("blocked"));
  if (out.prefix.empty() && out.own.location.empty())
    return table.Complain("a registry needs a prefix or a location");
  if (out.prefix.empty()) out.prefix = out.own.location;
  if (!out.own.location.empty()) TRY(CheckLocation(table, "location", out.own.location));
  if (IsWildcard(out.prefix)) {
    if (out.prefix.find('/') != std::string::npos)
      return table.Complain("prefix: '" + out.prefix + "' has a path behind a wildcard");
    TRY(CheckLocation(table, "prefix", out.prefix.substr(2)));
  } else {
    TRY(CheckLocation(table, "prefix", out.prefix));
  }
  const bool digest_only = TRY(table.Flag("mirror-by-digest-only"));
  const std::vector<Table> mirrors = TRY(table.Tables("mirror"));
  for (const Table& mirror : mirrors) {
    Endpoint read = TRY(ReadMirror(mirror, digest_only));
    out.mirrors.push_back(std::move(read));
  }
  return out;
}

// How much of `name` the prefix covers; 0 when it is none.
std::size_t Covered(std::string_view name, std::string_view prefix) {
  if (IsWildcard(prefix)) {
    const std::string_view host = name.substr(0, name.find_first_of(":/@"));
    return host.size() > prefix.size() - 1 && host.ends_with(prefix.substr(1)) ? host.size() : 0;
  }
  if (!name.starts_with(prefix)) return 0;
  constexpr std::string_view kEnds = ":/@";
  const bool whole = name.size() == prefix.size() || kEnds.find(name[prefix.size()]) != std::string_view::npos;
  return whole ? prefix.size() : 0;
}

// The repository's name with the location in place of what the prefix covers.
Result<Source> At(const Endpoint& endpoint, const std::string& name, std::size_t covered) {
  const std::string moved = endpoint.location.empty() ? name : endpoint.location + name.substr(covered);
  const std::size_t slash = moved.find('/');
  if (slash == std::string::npos)
    return Error(Code::kInvalidArgument, "'" + name + "' has no repository at '" + endpoint.location + "'");
  Source out;
  out.host = TRY(oci::RegistryHost(moved.substr(0, slash)));
  out.path = moved.substr(slash + 1);
  TRY_CTX(oci::ParseReference("h.io/" + out.path), "fetch '" + name + "' from '" + endpoint.location + "'");
  out.insecure = endpoint.insecure;
  return out;
}

bool Serves(const Endpoint& mirror, bool by_digest) {
  return mirror.pulls == Endpoint::Pulls::kAll || (mirror.pulls == Endpoint::Pulls::kDigestOnly) == by_digest;
}

}  // namespace

Result<RegistriesConf> RegistriesConf::Parse(std::string_view text, const std::string& file) {
  const TomlValue top = TRY_CTX(codec::ParseToml(text), "read '" + file + "'");
  const Table table(top, file);
  if (const TomlValue* old = top.Find("registries"))
    return table.Complain(old->line, "[registries] is of version 1 of this file, which is not read: use [[registry]]");
  RegistriesConf out;
  out.short_names_ = TRY(ShortNames::Read(top, file));
  TRY(table.Take("credential-helpers", Kind::kArray));
  out.credential_helpers_ = TRY(table.Texts("credential-helpers"));
  const std::vector<Table> tables = TRY(table.Tables("registry"));
  for (const Table& one : tables) {
    Registry registry = TRY(ReadRegistry(one));
    const bool twice = std::ranges::any_of(
        out.registries_, [&](const Registry& known) { return known.prefix == registry.prefix; });
    if (twice) return one.Complain("a second registry with the prefix '" + registry.prefix + "'");
    out.registries_.push_back(std::move(registry));
  }
  return out;
}

void RegistriesConf::Merge(RegistriesConf later) {
  short_names_.Merge(std::move(later.short_names_));
  if (!later.credential_helpers_.empty()) credential_helpers_ = std::move(later.credential_helpers_);
  for (Registry& registry : later.registries_) {
    std::erase_if(registries_, [&](const Registry& known) { return known.prefix == registry.prefix; });
    registries_.push_back(std::move(registry));
  }
}

const Registry* RegistriesConf::Find(std::string_view name) const {
  const Registry* best = nullptr;
  for (const Registry& registry : registries_) {
    if (Covered(name, registry.prefix) == 0) continue;
    if (best == nullptr || registry.prefix.size() > best->prefix.size()) best = &registry;
  }
  return best;
}

Result<std::vector<Source>> RegistriesConf::Resolve(const oci::Reference& reference) const {
  const std::string name = reference.Name();
  const Registry* registry = Find(reference.ToString());
  if (registry == nullptr) return std::vector<Source>{{reference.domain, reference.path}};
  if (registry->blocked)
    return Error(Code::kPermissionDenied,
                 "registry '" + registry->prefix + "' is blocked in registries.conf: '" + name + "' is not fetched");
  // A prefix may name a tag; what a location replaces is the name.
  const std::size_t covered = std::min(Covered(reference.ToString(), registry->prefix), name.size());
  std::vector<Source> out;
  for (const Endpoint& mirror : registry->mirrors) {
    if (!Serves(mirror, !reference.digest.empty())) continue;
    Source source = TRY(At(mirror, name, covered));
    out.push_back(std::move(source));
  }
  Source own = TRY(At(registry->own, name, covered));
  out.push_back(std::move(own));
  return out;
}

}  // namespace estiba::sources
