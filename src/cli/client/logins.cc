#include "client/logins.h"

#include <cstdlib>

#include "apitypes/image.h"
#include "command.h"
#include "oci/reference.h"

namespace estiba::cli {

credentials::Places OwnPlaces() {
  return credentials::Places::Of([](const char* name) -> const char* { return std::getenv(name); });
}

void AddRegistryAuth(const std::string& text, http::Headers* headers, const std::string& name) {
  const auto reference = oci::ParseReference(text);
  if (!reference.ok()) return;  // the engine says what is wrong with it
  const auto login = credentials::Find(OwnPlaces(), reference->Name());
  if (!login.ok()) return PrintError("WARNING: no credentials are sent: " + login.error().ToString());
  if (login->empty()) return;
  apitypes::AuthConfig auth;
  auth.username = login->username;
  auth.password = login->password;
  auth.identity_token = login->identity_token;
  auth.registry_token = login->registry_token;
  auth.server_address = credentials::ServerOf(reference->domain);
  headers->Set(name, auth.ToHeader());
}

}  // namespace estiba::cli
