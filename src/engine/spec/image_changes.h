#pragma once
// Lines of a Dockerfile that say how an image's containers run: what `commit -c` and `import -c` take. Pure.

#include <string>
#include <vector>

#include "apitypes/container.h"
#include "base/result.h"
#include "oci/image.h"

namespace estiba::engine {

// `config` with the changes made to it, in order. CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD,
// STOPSIGNAL, USER, VOLUME and WORKDIR, in any case, as the Dockerfile reference describes them, variables of the
// environment expanded. kInvalidArgument names the line.
Result<apitypes::ContainerConfig> ApplyChanges(apitypes::ContainerConfig config,
                                               const std::vector<std::string>& changes);

// What `wanted` leaves open, from the container's own configuration (docker's rules for commit).
apitypes::ContainerConfig MergeConfig(apitypes::ContainerConfig wanted, const apitypes::ContainerConfig& container);

// The part of a container's configuration that images have.
oci::ImageRunConfig ImageConfigOf(const apitypes::ContainerConfig& config);

}  // namespace estiba::engine
