#pragma once
// "user[:group]" against a container's own passwd and group files (passwd(5), group(5)), by docker's rules. The files
// are not trusted: they are only parsed.

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "os/fd.h"

namespace estiba::os {

struct ResolvedUser {
  bool by_name = false;  // it came as text: uid, gid and groups are the answer, not the caller's numbers
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::vector<std::uint32_t> groups;  // its own first
  std::string home;
};

// `user`: a name or a number, with or without ":group"; with "" the numbers stand and only the home is looked up. A
// number that is in no file stands for itself, with group 0. kInvalidArgument for a name that is in none, and for
// numbers above 2147483647.
Result<ResolvedUser> ResolveUser(const std::string& passwd, const std::string& group, const std::string& user,
                                 std::uint32_t uid = 0, std::uint32_t gid = 0);

// The text of "etc/passwd" or "etc/group" below `root`. A missing file is an empty one; anything but a regular file too
// (a FIFO would block, a device might not end).
Result<std::string> ReadUserFile(DirFd root, const char* path);

}  // namespace estiba::os
