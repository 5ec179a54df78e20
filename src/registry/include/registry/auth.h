#pragma once
// What a registry asks of who we are.

#include <optional>
#include <string>
#include <string_view>

namespace estiba::registry {

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
