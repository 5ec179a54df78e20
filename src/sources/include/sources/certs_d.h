#pragma once
// certs.d: what the administrator keeps for a registry in FOLDER/HOST[:PORT]. Docker's and podman's form: *.crt are
// authorities, NAME.cert and NAME.key who we are. containerd's: hosts.toml, also in FOLDER/HOST_PORT_ and, for
// registries without a folder of their own, FOLDER/_default.

#include <string>
#include <vector>

#include "base/result.h"
#include "oci/registry_endpoint.h"

namespace estiba::sources {

// A place that serves a registry's images.
struct Place {
  std::string host;  // of its address; the registry's own name for the registry itself
  oci::RegistryEndpoint via;
  bool own = true;   // the registry itself
  bool pull = true;
  bool resolve = true;
  bool push = true;
};

// In the order to try them, the registry itself last. The first folder with a hosts.toml for it tells where, all
// folders tell whom to trust. Files are read each time.
Result<std::vector<Place>> PlacesOf(const std::string& host, const std::vector<std::string>& folders);

}  // namespace estiba::sources
