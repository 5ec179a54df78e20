#pragma once
// The JSON of docker's config.json and podman's auth.json: "auths", "credHelpers", "credsStore".

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "codec/json.h"

namespace estiba::credentials {

struct Login {
  std::string username;
  std::string password;
  std::string identity_token;  // OAuth2 refresh token
  std::string registry_token;  // a bearer token as it is

  bool empty() const {
    return username.empty() && password.empty() && identity_token.empty() && registry_token.empty();
  }
};

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
  Result<std::optional<Login>> Find(const std::string& repository) const;
  // NAME of the docker-credential-NAME that keeps the credentials of a host, or "".
  std::string HelperOf(const std::string& host) const;

  // An empty login leaves an empty entry: the mark that a helper has it.
  void Set(const std::string& host, const Login& login);
  // Every form of the host's name. False when there was none.
  bool Remove(const std::string& host);
  std::string Text() const { return json_.Dump(4) + "\n"; }

 private:
  explicit AuthFile(codec::Json json) : json_(std::move(json)) {}
  codec::Json json_;
};

}  // namespace estiba::credentials
