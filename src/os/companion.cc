#include "os/companion.h"

#include <csignal>
#include <cstdio>
#include <string>

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

namespace estiba::os {
namespace {

bool Given() {
  int type = 0;
  socklen_t size = sizeof type;
  struct stat folder {};
  return ::getsockopt(kCompanionListener, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET &&
         ::fstat(kCompanionFolder, &folder) == 0 && S_ISDIR(folder.st_mode);
}

}  // namespace

void RunCompanion(const char* program, const std::function<Status(UniqueFd listener, UniqueFd folder)>& run) {
  const std::string name = program;
  if (!Given()) {
    std::fputs((name + " is started by estiba-monitor and cannot be run by hand\n").c_str(), stderr);
    ::_exit(2);
  }
  ::umask(077);
  ::signal(SIGPIPE, SIG_IGN);
  log::Configure(2, log::Level::kInfo);
  const Status ended = run(UniqueFd(kCompanionListener), UniqueFd(kCompanionFolder));
  if (!ended.ok()) log::Error(name + " ended early", {{"error", ended.error().Message()}});
  ::_exit(ended.ok() ? 0 : 1);
}

}  // namespace estiba::os
