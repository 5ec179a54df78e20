#include "os/netns.h"

#include <cerrno>
#include <cstdlib>

#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>

#include "base/log.h"
#include "os/process.h"

namespace estiba::os {

Status InNetworkNamespace(int netns, const std::function<Status()>& work) {
  if (!SingleThreaded()) return Error(Code::kInternal, "enter a network namespace: the process has several threads");
  const UniqueFd home = TRY(OpenAt({AT_FDCWD}, "/proc/self/ns/net", O_RDONLY));
  if (::setns(netns, CLONE_NEWNET) < 0) return Error::Errno(errno, "enter network namespace");
  Status status = work();
  if (::setns(home.get(), CLONE_NEWNET) < 0) {
    log::Error("cannot return to our own network namespace");
    std::abort();
  }
  return status;
}

Result<UniqueFd> BindInet(int type, std::uint32_t address, std::uint16_t port) {
  UniqueFd fd(::socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (const int err = errno; !fd.valid()) return Error::Errno(err, "open socket");
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(address);
  name.sin_port = htons(port);
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&name), sizeof name) < 0)
    return Error::Errno(errno, "bind port " + std::to_string(port));
  return fd;
}

}  // namespace estiba::os
