#pragma once
// docker-credential-NAME programs: a verb as argument, a server or JSON on standard input, JSON on standard output.

#include <optional>
#include <string>

#include "base/result.h"
#include "credentials/auth_file.h"

namespace estiba::credentials {

// The program docker-credential-NAME of the absolute folders in $PATH, with our environment and standard error: it may
// ask the user something. Nothing when it does not know the server.
Result<std::optional<oci::RegistryAuth>> GetFromHelper(const std::string& name, const std::string& server);
Status StoreInHelper(const std::string& name, const std::string& server, const oci::RegistryAuth& login);
// Succeeds when there was nothing.
Status EraseFromHelper(const std::string& name, const std::string& server);

}  // namespace estiba::credentials
