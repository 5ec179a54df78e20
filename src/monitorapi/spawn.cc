#include "monitorapi/spawn.h"

#include <sys/socket.h>

#include "os/memfd.h"
#include "os/socket.h"

namespace estiba::monitorapi {
namespace {

constexpr int kSocket = 3;   // the monitor finds its end of the pair here
constexpr int kProgram = 4;  // and itself here; it closes this one

}  // namespace

Result<Program> Program::Load(const std::string& path) {
  return Program(TRY_CTX(os::CopyToSealedMemfd("estiba-monitor", path), "load the monitor's program"));
}

Result<Spawned> Spawn(const Program& program, const std::string& container_id, int log_fd) {
  os::SocketPair pair = TRY(os::MakeSocketPair(SOCK_SEQPACKET | SOCK_NONBLOCK));
  os::SpawnOptions options;
  options.program = "/proc/self/fd/" + std::to_string(kProgram);
  options.argv = {"estiba-monitor", container_id.substr(0, 12)};
  options.env = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};
  options.fds = {{pair.theirs.get(), kSocket}, {program.fd(), kProgram}};
  if (log_fd >= 0) options.fds.emplace_back(log_fd, 2);
  options.new_session = true;
  os::Process process = TRY_CTX(os::Spawn(options), "start a monitor");
  return Spawned{std::move(process), Client(std::move(pair.ours))};
}

}  // namespace estiba::monitorapi
