#pragma once
// Where a pull looks and a push goes, by the machine's registries.conf and certs.d. They are read anew each time:
// whoever changes them expects no restart.

#include <optional>
#include <string>
#include <vector>

#include "apitypes/image.h"
#include "base/result.h"
#include "engine/config.h"
#include "image/transfer.h"
#include "oci/reference.h"
#include "sources/short_names.h"

namespace estiba::engine {

inline oci::RegistryAuth AuthOf(const apitypes::AuthConfig& auth) {
  return {auth.username, auth.password, auth.identity_token, auth.registry_token};
}

// kPermissionDenied when the registry is blocked. With where signatures are, if any are asked for (registries.d).
Result<std::vector<image::PullSource>> SourcesOf(const oci::Reference& reference, const Config& config,
                                                 const std::vector<oci::SignedBy>& signed_by = {});
// What a name may mean by registries.conf; Engine::ImageMeanings.
Result<sources::Meanings> MeaningsOf(const std::string& name, const std::optional<std::string>& alias,
                                     const Config& config);
// Where a push goes: the registry itself, wherever registries.conf says it is; mirrors are read alone.
Result<image::PullSource> DestinationOf(const oci::Reference& reference, const Config& config);
// The signatures that policy.json asks of a pull; kPermissionDenied when it is rejected. Without the file nothing is
// asked.
Result<std::vector<oci::SignedBy>> SignaturesOf(const oci::Reference& reference, const Config& config);
// A registry itself, for what concerns no image of it.
Result<image::PullSource> RegistryAt(const std::string& host, const Config& config);

}  // namespace estiba::engine
