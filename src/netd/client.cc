#include "netd/client.h"

#include <fcntl.h>
#include <sys/socket.h>

#include "netd/folder_lock.h"
#include "os/file.h"
#include "os/process.h"
#include "os/socket.h"

namespace estiba::netd {
namespace {

constexpr int kListener = 3;  // where the program finds them
constexpr int kFolder = 4;
constexpr int kNetwork = 5;

Result<os::UniqueFd> ConnectTo(const std::string& path) {
  return os::ConnectUnix(path, SOCK_SEQPACKET | SOCK_NONBLOCK);
}

bool NobodyThere(const Error& error) { return error.errnum() == ENOENT || error.errnum() == ECONNREFUSED; }

// It serves connections that were made before it runs: nobody waits for it.
Status Start(const Place& place, os::DirFd folder, const std::string& path) {
  TRY(os::DeleteFile(folder, kSocketName));  // of one that was killed
  const os::UniqueFd listener = TRY(os::ListenUnix(path, SOCK_SEQPACKET, 0600));
  const os::UniqueFd given = TRY(os::OpenAt(folder, ".", O_RDONLY | O_DIRECTORY));
  os::SpawnOptions options;
  options.program = place.program;
  options.argv = {place.name};
  options.fds = {{listener.get(), kListener}, {given.get(), kFolder}, {2, 2}};
  if (place.network >= 0) options.fds.emplace_back(place.network, kNetwork);
  options.new_session = true;
  os::Process process = TRY_CTX(os::Spawn(options), "start " + place.name);
  process.Detach();  // it outlives us, or init reaps it; as our child, OnChildSignal does
  return Ok();
}

}  // namespace

Result<os::UniqueFd> Connect(const Place& place) {
  const std::string path = place.folder + "/" + kSocketName;
  auto connected = ConnectTo(path);
  if (connected.ok() || !NobodyThere(connected.error())) return connected;
  const os::UniqueFd folder = TRY(os::OpenAt({AT_FDCWD}, place.folder, O_RDONLY | O_DIRECTORY));
  const os::UniqueFd lock = TRY(LockFolder({folder.get()}));
  // Somebody may have started it before we had the lock.
  connected = ConnectTo(path);
  if (connected.ok() || !NobodyThere(connected.error())) return connected;
  TRY(Start(place, {folder.get()}, path));
  return ConnectTo(path);
}

Status Give(int connection, const HandOver& message, int udp, int tcp) {
  std::vector<int> sockets;
  if (udp >= 0) sockets = {udp, tcp};
  return os::SendMessage(connection, Encode(message), sockets);
}

}  // namespace estiba::netd
