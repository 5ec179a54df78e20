#pragma once
// POSIX access control lists as GNU tar and star write them: text in the pax records SCHILY.acl.access and .default.

#include <cstddef>

#include <archive_entry.h>

#include "codec/tar.h"

namespace estiba::codec {

// Adds to `entry` the attributes that the kernel keeps such lists in (system.posix_acl_*, acl(5)), unless it has them
// already. A list that names somebody by name alone, whose id nobody here knows, or that is none at all is left out,
// with a warning: as docker does with all of them. kResourceExhausted for one that is larger than `limit`.
Status AddAccessLists(archive_entry* from, std::size_t limit, TarEntry& entry);

}  // namespace estiba::codec
