#pragma once
// What reader and writer share.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace estiba::erofs {

enum class Kind : unsigned char { kFile, kDirectory, kSymlink, kCharDevice, kBlockDevice, kFifo };

using Attributes = std::vector<std::pair<std::string, std::string>>;

struct Metadata {
  std::uint32_t mode = 0;  // permission bits with setuid, setgid, sticky
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::int64_t mtime_s = 0;
  std::uint32_t mtime_ns = 0;
  Attributes attributes;  // "user.…", "trusted.…", "security.…", "system.posix_acl_access", "system.posix_acl_default"
};

struct Device {
  std::uint32_t major = 0;  // 12 bits
  std::uint32_t minor = 0;  // 20 bits
};

// Some bytes of a file; none at its end. Holes are left out.
struct Piece {
  std::uint64_t offset = 0;
  std::string_view bytes;
};
// The next piece, in ascending order; valid until the next call.
using Content = std::function<Result<Piece>()>;

// Whether an image can hold an attribute of that name: other names mean nothing to the kernel here.
bool IsAttributeName(std::string_view name);

}  // namespace estiba::erofs
