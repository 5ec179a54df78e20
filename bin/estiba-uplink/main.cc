// The network of a user's containers: holds its namespace and has the way out led from it. Started by a container's
// monitor, which gives it the socket that monitors connect to as descriptor 3 and its folder as 4.

#include <csignal>
#include <cstdio>

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "sandbox.h"
#include "uplink/server.h"

namespace estiba::uplink {
namespace {

constexpr int kListener = 3;
constexpr int kFolder = 4;

bool Given() {
  int type = 0;
  socklen_t size = sizeof type;
  struct stat folder {};
  return ::getsockopt(kListener, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET &&
         ::fstat(kFolder, &folder) == 0 && S_ISDIR(folder.st_mode);
}

Status Run() {
  os::Loop loop = TRY(os::Loop::Create());
  Server server = TRY(Server::Create(loop, os::UniqueFd(kListener), os::UniqueFd(kFolder),
                                     [] { return EnterSandbox(kFolder); }));
  TRY(server.Start());
  return loop.Run();
}

}  // namespace
}  // namespace estiba::uplink

int main() {
  using namespace estiba;
  if (!uplink::Given()) {
    std::fputs("estiba-uplink is started by estiba-monitor and cannot be run by hand\n", stderr);
    return 2;
  }
  ::umask(077);
  ::signal(SIGPIPE, SIG_IGN);
  log::Configure(2, log::Level::kInfo);
  const Status ended = uplink::Run();
  if (!ended.ok()) log::Error("estiba-uplink ended early", {{"error", ended.error().Message()}});
  ::_exit(ended.ok() ? 0 : 1);
}
