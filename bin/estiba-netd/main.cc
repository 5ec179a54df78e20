// Names for containers: answers their resolvers while they run. Started by a container's monitor, which gives it the
// socket that monitors connect to as descriptor 3, the folder of the endpoints' files as 4, and, where the rules to
// watch are in another network namespace, that as 5.

#include <fcntl.h>

#include "netd/server.h"
#include "os/companion.h"
#include "sandbox.h"

namespace estiba::netd {
namespace {

constexpr int kNetwork = 5;

Status Run(os::UniqueFd listener, os::UniqueFd folder) {
  // Before anything of ours gets that number.
  os::UniqueFd network(::fcntl(kNetwork, F_GETFD) >= 0 ? kNetwork : -1);
  os::Loop loop = TRY(os::Loop::Create());
  Server server = TRY(Server::Create(loop, std::move(listener), std::move(folder), network.get()));
  network.Reset();
  TRY_CTX(EnterSandbox(os::kCompanionFolder), "enter the sandbox");
  TRY(server.Start());
  return loop.Run();
}

}  // namespace
}  // namespace estiba::netd

int main() { estiba::os::RunCompanion("estiba-netd", estiba::netd::Run); }
