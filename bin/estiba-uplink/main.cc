// The network of a user's containers: holds its namespace and has the way out led from it. On the host, for root, it
// relays ports that the kernel does not lead. Started by a container's monitor, which gives it the socket that monitors
// connect to as descriptor 3 and its folder as 4.

#include "os/companion.h"
#include "sandbox.h"
#include "uplink/server.h"

namespace estiba::uplink {
namespace {

Status Run(os::UniqueFd listener, os::UniqueFd folder) {
  os::Loop loop = TRY(os::Loop::Create());
  Server server = TRY(Server::Create(loop, std::move(listener), std::move(folder),
                                     [](bool on_host) { return EnterSandbox(os::kCompanionFolder, on_host); }));
  TRY(server.Start());
  return loop.Run();
}

}  // namespace
}  // namespace estiba::uplink

int main() { estiba::os::RunCompanion("estiba-uplink", estiba::uplink::Run); }
