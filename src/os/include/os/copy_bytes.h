#pragma once
// Bytes from a file to any descriptor, in the kernel where it can.

#include <cstdint>

#include "base/result.h"

namespace estiba::os {

// At most `limit` bytes from `from`'s position to `to`'s, both of which move on; answers how many there were until the
// end of `from`, a regular file. `to` is a blocking descriptor of any kind. No page is copied through our memory unless
// neither copy_file_range(2) nor sendfile(2) goes between the two.
Result<std::uint64_t> CopyBytes(int from, int to, std::uint64_t limit = UINT64_MAX);

}  // namespace estiba::os
