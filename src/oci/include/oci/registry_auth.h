#pragma once

#include <string>

namespace estiba::oci {

// Who a user is to a registry. Kept in files, sent along with requests, and shown to registries and their token
// services.
struct RegistryAuth {
  std::string username;
  std::string password;
  std::string identity_token;  // OAuth2 refresh token
  std::string registry_token;  // a bearer token as it is

  bool empty() const {
    return username.empty() && password.empty() && identity_token.empty() && registry_token.empty();
  }
  friend bool operator==(const RegistryAuth&, const RegistryAuth&) = default;
};

}  // namespace estiba::oci
