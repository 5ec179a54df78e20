#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "os/fd.h"

namespace estiba::store {

// Bytes of the regular files below `parent`/`name`; one of several names counts once, shared among them. What goes away
// meanwhile does not count. No link is followed.
Result<std::uint64_t> TreeSize(os::DirFd parent, const std::string& name);

// The same of an EROFS image of ours.
Result<std::uint64_t> ImageSize(int file);

}  // namespace estiba::store
