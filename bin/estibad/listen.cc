#include "listen.h"

#include <cerrno>
#include <chrono>
#include <ctime>

#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/hosts.h"
#include "os/file.h"
#include "os/inet.h"
#include "os/socket.h"

namespace estiba::estibad {
namespace {

using namespace std::chrono_literals;

constexpr int kBacklog = 512;
// For the estiba-tls of an engine that has died to let the port go.
constexpr auto kPortPatience = 5s;

Status GiveToGroup(const engine::Config& config, const std::string& path) {
  if (config.rootless || config.socket_group.empty()) return Ok();
  char buffer[16384];
  struct group entry {};
  struct group* found = nullptr;
  if (::getgrnam_r(config.socket_group.c_str(), &entry, buffer, sizeof buffer, &found) != 0 || found == nullptr)
    return Ok();  // without such a group it is root's alone
  if (::chown(path.c_str(), 0, found->gr_gid) != 0)
    return Error::Errno(errno, "give '" + path + "' to group '" + config.socket_group + "'");
  return Ok();
}

// systemd would need to know whether there is such a group.
bool IsAtOurPath(const os::UniqueFd& socket, const engine::Config& config) {
  sockaddr_un address{};
  socklen_t size = sizeof address;
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) return false;
  return address.sun_family == AF_UNIX && config.socket == address.sun_path;
}

Result<os::UniqueFd> ListenAt(const engine::Config& config, const std::string& path) {
  TRY(os::EnsureDirectory(path.substr(0, path.rfind('/')), 0711));
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return Error::Errno(errno, "remove '" + path + "'");
  os::UniqueFd listener = TRY(os::ListenUnix(path, SOCK_STREAM, 0660));
  TRY(GiveToGroup(config, path));
  return listener;
}

// Another path may be somebody else's.
Status CheckFree(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return Ok();
  if (!S_ISSOCK(status.st_mode)) return Error(Code::kAlreadyExists, "listen at '" + path + "': it is no socket");
  if (os::ConnectUnix(path, SOCK_STREAM).ok())
    return Error::Errno(EADDRINUSE, "listen at '" + path + "'");
  return Ok();
}

Result<os::UniqueFd> ListenAt(const engine::ListenHost& host) {
  const auto deadline = std::chrono::steady_clock::now() + kPortPatience;
  for (;;) {
    auto listener = os::ListenInet({host.address.Bytes(), host.port}, kBacklog);
    const bool wait = !listener.ok() && listener.error().errnum() == EADDRINUSE &&
                      std::chrono::steady_clock::now() < deadline;
    if (!wait && listener.ok()) return listener;
    if (!wait) return std::move(listener).error().Context("listen at " + WithPort(host.address, host.port));
    const timespec step{0, 50'000'000};
    ::nanosleep(&step, nullptr);
  }
}

// A port's address; nothing for a UNIX socket.
std::optional<std::pair<Ip, std::uint16_t>> PortOf(int socket) {
  int domain = 0;
  socklen_t size = sizeof domain;
  if (::getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0 || domain == AF_UNIX) return std::nullopt;
  const auto own = os::LocalAddress(socket);
  if (!own.ok()) return std::nullopt;
  const auto address = Ip::FromBytes(own->address);
  if (!address.ok()) return std::nullopt;
  return std::pair(*address, own->port);
}

Status AddPort(const engine::Config& config, os::UniqueFd socket, Listeners* listeners) {
  const auto port = PortOf(socket.get());
  if (!port.has_value()) return Error(Code::kInvalidArgument, "a socket that was passed is neither UNIX nor TCP");
  TRY(engine::CheckExposure(config, port->first, port->second));
  const std::string where = WithPort(port->first, port->second);
  if (!engine::VerifiesClients(config))
    log::Warn("whoever reaches this port can do anything with this machine's containers, and more",
              {{"address", where}, {"instead", "--tlsverify"}});
  log::Info("listening", {{"address", where}, {"tls", engine::SpeaksTls(config) ? "yes" : "no"}});
  (engine::SpeaksTls(config) ? listeners->tls : listeners->plain).push_back(std::move(socket));
  return Ok();
}

Status AddPassed(const engine::Config& config, os::UniqueFd socket, Listeners* listeners) {
  int domain = 0;
  socklen_t size = sizeof domain;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0)
    return Error::Errno(errno, "look at a socket that was passed");
  if (domain != AF_UNIX) return AddPort(config, std::move(socket), listeners);
  if (IsAtOurPath(socket, config)) TRY(GiveToGroup(config, config.socket));
  listeners->plain.push_back(std::move(socket));
  return Ok();
}

}  // namespace

Result<Listeners> OpenListeners(const engine::Config& config, std::vector<os::UniqueFd> passed) {
  Listeners listeners;
  const bool any_passed = !passed.empty();
  for (os::UniqueFd& socket : passed) TRY(AddPassed(config, std::move(socket), &listeners));
  if (!any_passed) {
    listeners.plain.push_back(TRY(ListenAt(config, config.socket)));
    listeners.own_paths.push_back(config.socket);
    listeners.own_socket = true;
  }
  const auto hosts = TRY(engine::ParseHosts(config));
  for (const engine::ListenHost& host : hosts) {
    switch (host.kind) {
      case engine::ListenHost::Kind::kPassed:
        if (!any_passed)
          return Error(Code::kFailedPrecondition, "host 'fd://': no sockets were passed")
              .Hint("it is for engines that systemd starts by a .socket unit");
        break;
      case engine::ListenHost::Kind::kUnix:
        if (host.path == config.socket) break;
        TRY(CheckFree(host.path));
        listeners.plain.push_back(TRY(ListenAt(config, host.path)));
        listeners.own_paths.push_back(host.path);
        break;
      case engine::ListenHost::Kind::kTcp: {
        os::UniqueFd port = TRY(ListenAt(host));
        listeners.own_ports = true;
        TRY(AddPort(config, std::move(port), &listeners));
        break;
      }
    }
  }
  return listeners;
}

}  // namespace estiba::estibad
