#pragma once
// Whether an unpacked layer is still what its archive says.

#include <optional>
#include <set>
#include <string>

#include <sys/types.h>

#include "base/result.h"
#include "os/fd.h"

namespace estiba::image {

struct Difference {
  std::string path;  // "" is the root
  std::string what;  // "has other content", "is missing", …
};

// The first difference between two trees: names, kinds, owners, modes, times, attributes, links, devices, content.
// Access times and inode numbers do not count, nor the times of the root and of `timeless` directories: those that an
// archive does not describe are as old as their unpacking. Follows no link.
Result<std::optional<Difference>> CompareTrees(os::DirFd expected, os::DirFd actual,
                                               const std::set<std::string>& timeless = {});

// Where the first `size` bytes of two files differ first, or one of them ends. What is a hole in both is not read.
Result<std::optional<off_t>> FirstDifference(int expected, int actual, off_t size);

// The first difference between two EROFS images of ours: the same archive makes the same bytes.
Result<std::optional<Difference>> CompareImages(int expected, int actual);

}  // namespace estiba::image
