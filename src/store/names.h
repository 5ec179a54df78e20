#pragma once
// Names of unfinished things: "LEASE-RANDOM".

#include <string>
#include <string_view>

#include "base/result.h"
#include "os/fd.h"

namespace estiba::store {

Result<std::string> TemporaryName(const std::string& lease);
// Deletes the entries of `directory` that belong to the lease (every entry when it is empty).
Status DeleteByLease(os::DirFd directory, const std::string& lease);

}  // namespace estiba::store
