// One container's supervisor. Started by the engine, which gives it a socket as descriptor 3 and the program
// itself, which has no name in any file system, as 4.

#include <cstdio>

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "monitor/monitor.h"

int main() {
  constexpr int kEngine = 3;
  constexpr int kProgram = 4;
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(kEngine, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_SEQPACKET) {
    std::fputs("estiba-monitor is started by estibad and cannot be run by hand\n", stderr);
    return 2;
  }
  ::close(kProgram);
  ::umask(022);
  estiba::log::Configure(2, estiba::log::Level::kInfo);
  const auto ended = estiba::monitor::RunMonitor(estiba::os::UniqueFd(kEngine));
  if (ended.ok()) return 0;
  estiba::log::Error("the monitor ended early", {{"error", ended.error().Message()}});
  return 1;
}
