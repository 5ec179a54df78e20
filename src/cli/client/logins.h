#pragma once
// The credentials that go along with a request for an image.

#include <string>

#include "credentials/auth_file.h"
#include "credentials/places.h"
#include "http/message.h"

namespace estiba::cli {

// The user's files, and the helpers that registries.conf of this machine or the user's own names.
Result<credentials::Places> OwnPlaces();

// What is known for "quay.io/team/app" or a host; empty when nothing is.
Result<oci::RegistryAuth> FindLogin(const std::string& repository);

// Sets X-Registry-Auth (or what else `name` says) to what is known for the reference's registry. Credentials that
// cannot be read are warned of and left away, as docker does: the image may well be a public one.
void AddRegistryAuth(const std::string& reference, http::Headers* headers,
                     const std::string& name = "X-Registry-Auth");

}  // namespace estiba::cli
