#pragma once
// Names without a registry ("app", "team/app:1"): containers-registries.conf(5), "unqualified-search-registries",
// "short-name-mode" and "[aliases]".

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "oci/reference.h"

namespace estiba::codec {
struct TomlValue;
}

namespace estiba::sources {

// True for what names no registry, so that Docker's rules make Docker Hub of it.
bool IsShortName(std::string_view text);
// "team/app:1@sha256:…" without tag and digest: what aliases are of.
std::string_view AliasedPart(std::string_view text);

// What one name stands for. References have a tag or a digest ("latest" where none was given).
struct Meanings {
  // Whether a person is to choose one of several names: never; where there is somebody to ask; always.
  enum class Choice : unsigned char { kNone, kOffered, kRequired };
  std::vector<oci::Reference> names;  // to pull, in the order to try; at least one
  std::vector<oci::Reference> local;  // images that are here already and are meant by it, in the order to look
  Choice choice = Choice::kNone;
};

struct ShortNames {
  enum class Mode : unsigned char { kPermissive, kEnforcing, kDisabled };
  std::optional<Mode> mode;                        // none: permissive
  std::optional<std::vector<std::string>> search;  // HOST[:PORT][/NAMESPACE], in order
  std::map<std::string, std::string, std::less<>> aliases;  // to full names; "": none, whatever an earlier file says

  // The members of a registries.conf, or of a file of aliases alone. Errors name `file` and the line.
  static Result<ShortNames> Read(const codec::TomlValue& top, const std::string& file);
  // What `later` says goes first.
  void Merge(ShortNames later);

  // By its alias, else at each of the registries to search; by Docker's rules where there are none, and for what is no
  // short name. `alias` is what the asker's own aliases say of it, in the place of ours ("": that it has none).
  Result<Meanings> MeaningsOf(std::string_view text, const std::optional<std::string>& alias = {}) const;
};

// An alias' name is short, its value full, and neither has a tag or a digest. The error says which it is not.
Status CheckAlias(const std::string& name, const std::string& value);

}  // namespace estiba::sources
