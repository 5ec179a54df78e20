#pragma once
// The files a user's credentials are in.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "credentials/auth_file.h"

namespace estiba::credentials {

inline constexpr std::string_view kAuthFiles = "containers-auth.json";

struct Places {
  std::vector<std::string> files;  // the first that knows a registry wins; the first is the one that logins change

  std::size_t written = 1;  // so many of them, from the first on, are those that logins may have changed

  // "credential-helpers" of registries.conf: who is asked, in this order; kAuthFiles stands for the files, and none for
  // the files alone.
  std::vector<std::string> helpers = {};

  // Given the environment, so that tests need not change theirs: $REGISTRY_AUTH_FILE, docker's config.json (in
  // $DOCKER_CONFIG or ~/.docker), then auth.json below $XDG_RUNTIME_DIR/containers and in ~/.config/containers.
  static Places Of(const std::function<const char*(const char*)>& variable);

  const std::string& own() const { return files.front(); }
};

// What is known for "quay.io/team/app" or a host; empty when nothing is. In each file, its helper is asked before its
// own entries. One of `helpers` that fails is an error if none of the others knows anything.
Result<oci::RegistryAuth> Find(const Places& places, const std::string& repository);

// To the first of `helpers` that takes it; of the files, to the helper that the file names for the host, else into the
// file. Answers the file's path when the secret is in it as plain text, and "" when it is not.
Result<std::string> Save(const Places& places, const std::string& host, const oci::RegistryAuth& login);
// From all of `helpers`: of the files, those that logins may have changed and the helpers they name.
Status Erase(const Places& places, const std::string& host);

}  // namespace estiba::credentials
