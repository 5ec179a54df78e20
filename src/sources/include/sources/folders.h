#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "sources/registries_conf.h"

namespace estiba::sources {

// registries.conf of the last folder that has one, then the *.conf of every folder's registries.conf.d, each folder's
// by name. Folders and files that are not there are empty ones. `main`, unless it is empty, is a file that takes the
// place of every folder's registries.conf and has to be there (podman's $CONTAINERS_REGISTRIES_CONF).
Result<RegistriesConf> LoadRegistriesConf(const std::vector<std::string>& folders, const std::string& main = {});

}  // namespace estiba::sources
