#pragma once
// Who we are to a registry.

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace estiba::registry {

struct Credentials {
  std::string username;
  std::string password;
  std::string identity_token;  // OAuth2 refresh token
  std::string registry_token;  // a bearer token as it is
};

// A WWW-Authenticate header.
struct Challenge {
  enum class Scheme : unsigned char { kBasic, kBearer };
  Scheme scheme = Scheme::kBasic;
  std::string realm;
  std::string service;
  std::string scope;
};
// Nothing for schemes we do not speak.
std::optional<Challenge> ParseChallenge(std::string_view header);

// The entry for a registry host ("docker.io" is kept as "https://index.docker.io/v1/") in the text of docker's
// config.json or podman's auth.json; empty credentials when there is none.
Result<Credentials> FindCredentials(std::string_view config_json, const std::string& host);

}  // namespace estiba::registry
