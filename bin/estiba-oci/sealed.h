#pragma once

#include <fcntl.h>

#include "base/result.h"

namespace estiba::ocicli {

inline constexpr int kSeals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;

// Whether one of the arguments is a command that will have a process of ours inside a container. One that only looks
// like it costs a copy that was not needed. Inline, without tables: entry.cc uses it before relocations are made.
inline bool EntersContainer(const char* const* argv) {
  const auto same = [](const char* a, const char* b) {
    while (*a != '\0' && *a == *b) ++a, ++b;
    return *a == *b;
  };
  for (; *argv != nullptr; ++argv) {
    if (same(*argv, "run") || same(*argv, "create") || same(*argv, "exec") || same(*argv, "restore") ||
        same(*argv, "mounts"))
      return true;
  }
  return false;
}

// Goes on as a sealed copy of this program in memory: a container that gets hold of /proc/PID/exe of a process on its
// way in can then write neither the installed file nor the copy (CVE-2019-5736), nor does poisoning the file's page
// cache reach us. Returns in the copy; does not return in the original unless there is an error.
// entry.cc has mostly been there before.
Status RunSealed(char** argv);

}  // namespace estiba::ocicli
