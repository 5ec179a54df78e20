#pragma once
// The JSON of docker's config.json and podman's auth.json: "auths", "credHelpers", "credsStore".

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "codec/json.h"
#include "oci/registry_auth.h"

namespace estiba::credentials {

// What Docker Hub is called in these files and by helpers.
inline constexpr std::string_view kHubServer = "https://index.docker.io/v1/";

// What a host ("docker.io", "localhost:5000") is called in files and by helpers.
std::string ServerOf(const std::string& host);

class AuthFile {
 public:
  AuthFile() : json_(codec::Json::MakeObject()) {}
  static Result<AuthFile> Parse(std::string_view text);

  // The entry for "quay.io/team/app" or the nearest above it ("quay.io/team", "quay.io"), then for its host in the
  // forms that older clients wrote. Nothing when there is none, or an empty one.
  Result<std::optional<oci::RegistryAuth>> Find(const std::string& repository) const;
  // NAME of the docker-credential-NAME that keeps the credentials of a host, or "".
  std::string HelperOf(const std::string& host) const;

  // An empty login leaves an empty entry: the mark that a helper has it.
  void Set(const std::string& host, const oci::RegistryAuth& login);
  // Every form of the host's name. False when there was none.
  bool Remove(const std::string& host);
  std::string Text() const { return json_.Dump(4) + "\n"; }

 private:
  explicit AuthFile(codec::Json json) : json_(std::move(json)) {}
  codec::Json json_;
};

}  // namespace estiba::credentials
