#pragma once
// User namespaces with subordinate ids (user_namespaces(7), subuid(5), newuidmap(1)): how an unprivileged user's
// programs of ours come to have a range of ids and the privileges over it.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "os/fd.h"

namespace estiba::os {

// `count` ids from `inside` are those from `outside` in the parent namespace.
struct IdRange {
  std::uint32_t inside = 0;
  std::uint32_t outside = 0;
  std::uint32_t count = 0;
  bool operator==(const IdRange&) const = default;
};

// The ranges /etc/subuid or /etc/subgid gives a user, by name or by number, as a map: `own` becomes 0 and the ranges
// follow from 1 on. Pure. kFailedPrecondition when the file has nothing for the user (or the ranges make no sense).
Result<std::vector<IdRange>> MapFromSubordinateIds(std::string_view text, const std::string& user, uid_t uid,
                                                   std::uint32_t own);

// The ranges as uid_map and gid_map take them: "0 1000 1\n1 100000 65536\n".
std::string MapText(const std::vector<IdRange>& ranges);

// Writes the maps of a process that has a new user namespace and waits: directly where we may, else by newuidmap(1) and
// newgidmap(1). Where only our own group can be mapped, and is, setgroups(2) is denied to the namespace first.
Status MapIds(pid_t pid, const std::string& uids, const std::string& gids);

// Moves this process, which must have one thread, into a new user namespace with these maps, written by newuidmap and
// newgidmap; it is root there. On failure the process may be left in a namespace without maps and should end.
Status EnterNewUserNamespace(const std::vector<IdRange>& uids, const std::vector<IdRange>& gids);
// A new user namespace with these maps (MapText), which nobody is in; this process, of one thread, stays where it is.
Result<UniqueFd> CreateUserNamespace(const std::string& uids, const std::string& gids);
// Why the kernel would not make one (an errno of clone3(2) or unshare(2)), and what to look at.
Error UserNamespaceRefused(int err);
// Moves this process, which must have one thread, into the user namespace of the process.
Status JoinUserNamespace(int pidfd);
// A mount namespace of our own: mounts made here stay here, mounts of the host still arrive.
Status EnterNewMountNamespace();

// False in any user namespace but the first, by /proc/self/uid_map.
Result<bool> InFirstUserNamespace();
// device and inode of a process's user namespace: equal ones are the same namespace.
struct NamespaceId {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  bool operator==(const NamespaceId&) const = default;
};
Result<NamespaceId> UserNamespaceOf(pid_t pid);

}  // namespace estiba::os
