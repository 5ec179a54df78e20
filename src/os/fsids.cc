#include "os/fsids.h"

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>

#include <linux/capability.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace estiba::os {
namespace {

constexpr auto kKeep = static_cast<uid_t>(-1);  // no id: setfsuid(2) then only answers the current one

using Sets = std::array<__user_cap_data_struct, 2>;

Result<Sets> ReadSets() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  Sets sets{};
  if (::syscall(SYS_capget, &header, sets.data()) < 0) return Error::Errno(errno, "read capabilities");
  return sets;
}

Status WriteSets(const Sets& sets) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  if (::syscall(SYS_capset, &header, sets.data()) < 0) return Error::Errno(errno, "set capabilities");
  return Ok();
}

// Leaving uid 0 the kernel drops those capabilities that are about files (capabilities(7)).
Status RaiseAll() {
  Sets sets = TRY(ReadSets());
  for (auto& set : sets) set.effective = set.permitted;
  return WriteSets(sets);
}

}  // namespace

Result<FileIds> FileIds::Assume(uid_t uid, gid_t gid) {
  FileIds ids;
  ids.gid_ = static_cast<gid_t>(::setfsgid(gid));
  ids.uid_ = static_cast<uid_t>(::setfsuid(uid));
  ids.assumed_ = true;
  const bool taken = static_cast<uid_t>(::setfsuid(kKeep)) == uid && static_cast<gid_t>(::setfsgid(kKeep)) == gid;
  if (!taken) return Error::Errno(EPERM, "make files as uid " + std::to_string(uid) + ", gid " + std::to_string(gid));
  TRY(RaiseAll());
  return ids;
}

FileIds::~FileIds() {
  if (!assumed_) return;
  ::setfsuid(uid_);
  ::setfsgid(gid_);
  // We came from there.
  if (static_cast<uid_t>(::setfsuid(kKeep)) != uid_ || static_cast<gid_t>(::setfsgid(kKeep)) != gid_) std::abort();
}

Result<WithoutCapability> WithoutCapability::Drop(unsigned capability) {
  Sets sets = TRY(ReadSets());
  std::uint32_t& effective = sets.at(capability / 32).effective;
  const std::uint32_t bit = 1U << capability % 32;
  if ((effective & bit) == 0) return WithoutCapability(false);
  effective &= ~bit;
  TRY(WriteSets(sets));
  return WithoutCapability(true);
}

WithoutCapability::~WithoutCapability() {
  if (dropped_ && !RaiseAll().ok()) std::abort();  // we had it
}

}  // namespace estiba::os
