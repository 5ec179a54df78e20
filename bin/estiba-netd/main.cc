// Names for containers: answers their resolvers while they run. Started by a container's monitor, which gives it the
// socket that monitors connect to as descriptor 3, the folder of the endpoints' files as 4, and, where the rules to
// watch are in another network namespace, that as 5.

#include <csignal>
#include <cstdio>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "netd/server.h"
#include "sandbox.h"

namespace estiba::netd {
namespace {

constexpr int kListener = 3;
constexpr int kFolder = 4;
constexpr int kNetwork = 5;

bool Given() {
  int type = 0;
  socklen_t size = sizeof type;
  struct stat folder {};
  return ::getsockopt(kListener, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET &&
         ::fstat(kFolder, &folder) == 0 && S_ISDIR(folder.st_mode);
}

Status Run() {
  // Before anything of ours gets that number.
  os::UniqueFd network(::fcntl(kNetwork, F_GETFD) >= 0 ? kNetwork : -1);
  os::Loop loop = TRY(os::Loop::Create());
  Server server = TRY(Server::Create(loop, os::UniqueFd(kListener), os::UniqueFd(kFolder), network.get()));
  network.Reset();
  TRY_CTX(EnterSandbox(kFolder), "enter the sandbox");
  TRY(server.Start());
  return loop.Run();
}

}  // namespace
}  // namespace estiba::netd

int main() {
  using namespace estiba;
  if (!netd::Given()) {
    std::fputs("estiba-netd is started by estiba-monitor and cannot be run by hand\n", stderr);
    return 2;
  }
  ::umask(077);
  ::signal(SIGPIPE, SIG_IGN);
  log::Configure(2, log::Level::kInfo);
  const Status ended = netd::Run();
  if (!ended.ok()) log::Error("estiba-netd ended early", {{"error", ended.error().Message()}});
  // A sanitizer's search for leaks at exit needs what the sandbox forbids.
  ::_exit(ended.ok() ? 0 : 1);
}
