#pragma once
// Bytes from one stream socket to another by way of a pipe, without passing through our memory (splice(2)).

#include <cstddef>

#include "os/fd.h"

namespace estiba::os {

// Non-blocking, with room for `kPipeBytes` where the user's share of pipes allows it.
struct SplicePipe {
  UniqueFd read;
  UniqueFd write;
};
inline constexpr std::size_t kPipeBytes = 256 * 1024;
Result<SplicePipe> MakeSplicePipe();

// splice(2), non-blocking, at most `size` bytes; answers and errno alike, EINTR apart.
ssize_t Splice(int from, int to, std::size_t size);

}  // namespace estiba::os
