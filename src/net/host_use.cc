#include "net/host_use.h"

#include <cerrno>
#include <set>

#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/file.h>

#include "link.h"
#include "net/forwarding.h"
#include "net/setup.h"
#include "os/file.h"
#include "os/netlink.h"

namespace estiba::net {
namespace {

std::string LockOf(const std::string& folder) { return folder + "/lock"; }

// Of somebody whose monitor was killed and whose processes live yet.
Result<bool> AnyPort(os::NetlinkSocket& socket) {
  const std::vector<Link> links = TRY(ListLinks(socket));
  std::set<int> ours;
  for (const Link& link : links)
    if (IsOurBridge(link)) ours.insert(link.index);
  for (const Link& link : links)
    if (ours.contains(link.master)) return true;
  return false;
}

Status DeleteOurBridge(os::NetlinkSocket& socket, const std::string& name) {
  const auto link = TRY(FindLink(socket, name));
  if (!link || !IsOurBridge(*link)) return Ok();
  return DeleteLink(socket, link->index, "delete bridge '" + name + "'");
}

}  // namespace

Result<os::UniqueFd> UseHost(const std::string& folder) {
  os::UniqueFd lock = TRY(os::OpenAt({AT_FDCWD}, LockOf(folder), O_RDWR | O_CREAT, 0600));
  while (::flock(lock.get(), LOCK_SH) < 0)
    if (const int err = errno; err != EINTR) return Error::Errno(err, "lock '" + LockOf(folder) + "'");
  return lock;
}

Result<bool> ClearHost(const std::string& folder, const std::string& bridge) {
  const auto lock = os::OpenAt({AT_FDCWD}, LockOf(folder), O_RDWR);
  if (!lock.ok() && lock.error().errnum() == ENOENT) return true;  // nobody ever used it
  if (!lock.ok()) return Error::Errno(lock.error().errnum(), "open '" + LockOf(folder) + "'");
  const int locked = ::flock(lock->get(), LOCK_EX | LOCK_NB);
  if (const int err = errno; locked < 0 && err == EWOULDBLOCK) return false;
  if (const int err = errno; locked < 0) return Error::Errno(err, "lock '" + LockOf(folder) + "'");
  os::NetlinkSocket socket = TRY(os::NetlinkSocket::Open(NETLINK_ROUTE));
  const bool port = TRY(AnyPort(socket));
  if (port) return false;
  TRY(PutForwardingBack(folder, Family::kIpv4));
  TRY(PutForwardingBack(folder, Family::kIpv6));
  TRY(DeleteTable());
  TRY(DeleteOurBridge(socket, bridge));
  return true;
}

}  // namespace estiba::net
