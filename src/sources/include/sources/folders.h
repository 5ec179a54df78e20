#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "sources/registries_conf.h"

namespace estiba::sources {

// registries.conf of the last folder that has one, then the *.conf of every folder's registries.conf.d, each folder's
// by name. Folders and files that are not there are empty ones.
Result<RegistriesConf> LoadRegistriesConf(const std::vector<std::string>& folders);

}  // namespace estiba::sources
