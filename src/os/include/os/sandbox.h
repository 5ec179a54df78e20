#pragma once
// Restrictions a leaf program puts on itself before it looks at hostile bytes. All are inherited and for ever: never in
// a process whose descendants are containers. Call while the process has one thread.

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "os/fd.h"

namespace estiba::os {

// prctl(2), PR_SET_NO_NEW_PRIVS: the condition for the rest.
Status SetNoNewPrivileges();

struct FileAccess {
  std::vector<int> writable;               // directories: everything below, but not to execute
  std::vector<int> listed;                 // directories: everything below may be read
  std::vector<std::string> readable;       // files and directories; those that are not there are left out
};
// Landlock (5.19 for renames between directories): files of no other path can be opened, made, renamed or deleted.
// Descriptors that are open stay. False when the kernel has none.
Result<bool> RestrictFiles(const FileAccess& access);

// Seccomp: these calls answer EPERM (numbers of <sys/syscall.h>), clone3 ENOSYS (its flags cannot be seen;
// the C library falls back), clone makes threads only, and socket(2) of AF_UNIX answers EAFNOSUPPORT: Landlock does
// not keep a process from the sockets that others serve.
Status DenyCalls(const std::vector<long>& calls);
// What no leaf program needs: other programs and processes, namespaces, mounts, identities, settings of the kernel.
std::vector<long> CallsOfNoLeaf();

// Raises the soft limit of open descriptors to the hard one, to `most` at most (setrlimit(2), RLIMIT_NOFILE).
Status RaiseDescriptorLimit(std::uint64_t most = UINT64_MAX);
// No core files are written (RLIMIT_CORE): for who has what is secret in memory.
Status ForbidCores();

// Keeps these capabilities (bits by number) where they are now permitted; gives up the others.
Status KeepCapabilities(std::uint64_t keep);

}  // namespace estiba::os
