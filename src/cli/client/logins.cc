#include "client/logins.h"

#include <cstdlib>

#include "apitypes/image.h"
#include "command.h"
#include "oci/reference.h"
#include "sources/folders.h"

namespace estiba::cli {

namespace {

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

// Which programs are given our credentials is for the machine to say that they are on, not for an engine.
Result<std::vector<std::string>> OwnHelpers() {
  const std::string set = Variable("XDG_CONFIG_HOME");
  const std::string own = set.starts_with('/') ? set : Variable("HOME") + "/.config";
  const sources::RegistriesConf conf = TRY(sources::LoadRegistriesConf({"/etc/containers", own + "/containers"},
                                                                       Variable("CONTAINERS_REGISTRIES_CONF")));
  return conf.credential_helpers();
}

}  // namespace

Result<credentials::Places> OwnPlaces() {
  auto places = credentials::Places::Of([](const char* name) -> const char* { return std::getenv(name); });
  places.helpers = TRY(OwnHelpers());
  return places;
}

Result<oci::RegistryAuth> FindLogin(const std::string& repository) {
  const credentials::Places places = TRY(OwnPlaces());
  return credentials::Find(places, repository);
}

void AddRegistryAuth(const std::string& text, http::Headers* headers, const std::string& name) {
  const auto reference = oci::ParseReference(text);
  if (!reference.ok()) return;  // the engine says what is wrong with it
  const auto login = FindLogin(reference->Name());
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
