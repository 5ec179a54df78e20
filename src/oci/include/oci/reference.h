#pragma once
// Names of images as people write them, in the form registries and stores use.

#include <string>
#include <string_view>

#include "base/result.h"

namespace estiba::oci {

// "docker.io/library/busybox:latest" in parts. The domain and path are always set; tag and digest may be empty.
struct Reference {
  std::string domain;  // "docker.io", "localhost:5000"
  std::string path;    // "library/busybox"
  std::string tag;     // "latest"
  std::string digest;  // "sha256:…"

  // "docker.io/library/busybox": what a repository is called.
  std::string Name() const;
  // Name with ":tag" and "@digest", as far as they are set: the form to keep in stores.
  std::string ToString() const;
  // As docker shows it: "busybox" for docker.io/library/busybox, "user/app" for docker.io/user/app.
  std::string FamiliarName() const;
  // FamiliarName with ":tag" and "@digest".
  std::string Familiar() const;

  friend bool operator==(const Reference&, const Reference&) = default;
};

// Parses and normalises: a name without a host is docker.io's, a single component is in library/. Neither a tag nor
// a digest is added. Messages are docker's ("invalid reference format", "repository name must be lowercase").
Result<Reference> ParseReference(std::string_view text);
// The same with tag "latest" when neither a tag nor a digest was given.
Result<Reference> ParseReferenceOrLatest(std::string_view text);
// The host of a registry's address ("https://host:5000/v2/", "host"); docker.io for any of the Hub's names and for "".
// kInvalidArgument when it can be no host.
Result<std::string> RegistryHost(std::string_view address);
// True for 4 to 64 hexadecimal digits: could be the (short) id of an image, with or without "sha256:" in front.
bool LooksLikeId(std::string_view text);

// "sha256:" and 64 lower-case hexadecimal digits.
bool IsDigest(std::string_view text);
// The 64 digits of a digest; kInvalidArgument when it is not one (other algorithms are refused by name).
Result<std::string> DigestHex(std::string_view digest);

}  // namespace estiba::oci
