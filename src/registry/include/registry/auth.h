#pragma once
// Who we are to a registry.

#include <optional>
#include <string>
#include <string_view>

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

}  // namespace estiba::registry
