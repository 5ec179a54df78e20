#pragma once
// containers-registries.conf(5), version 2.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sources/short_names.h"

namespace estiba::sources {

// A place to fetch from: the repository's path on a host.
struct Source {
  std::string host;
  std::string path;
  bool insecure = false;  // plain HTTP and unverified certificates are fine

  friend bool operator==(const Source&, const Source&) = default;
};

struct Endpoint {
  enum class Pulls : unsigned char { kAll, kDigestOnly, kTagOnly };
  std::string location;  // stands for the prefix; empty: the name stays as it is
  bool insecure = false;
  Pulls pulls = Pulls::kAll;  // of a mirror
};

struct Registry {
  std::string prefix;  // "quay.io", "quay.io/team", "*.example.com"
  Endpoint own;
  bool blocked = false;
  std::vector<Endpoint> mirrors;  // tried first, in order
};

class RegistriesConf {
 public:
  // Errors name `file` and the line. Keys of other programs' concerns are skipped.
  static Result<RegistriesConf> Parse(std::string_view text, const std::string& file);

  // Takes `later`'s registries over those with the same prefix, and what else it says over what is said here.
  void Merge(RegistriesConf later);

  // The registry with the longest prefix of "quay.io/team/app:1", or null.
  const Registry* Find(std::string_view name) const;
  // Where to fetch from, in order: the mirrors that serve such a reference, then, always last, the registry itself.
  // kPermissionDenied when it is blocked.
  Result<std::vector<Source>> Resolve(const oci::Reference& reference) const;

  const std::vector<Registry>& registries() const { return registries_; }
  const ShortNames& short_names() const { return short_names_; }
  // Where to look for credentials, in order; empty: where they are without this file.
  const std::vector<std::string>& credential_helpers() const { return credential_helpers_; }

 private:
  std::vector<Registry> registries_;
  ShortNames short_names_;
  std::vector<std::string> credential_helpers_;
};

}  // namespace estiba::sources
