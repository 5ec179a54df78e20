// journald and syslog: who takes a container's log besides its files. Found and tried before the start, since
// the monitor looks nothing up.

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include "../spec/log_driver.h"
#include "containers.h"
#include "os/inet.h"
#include "os/socket.h"

namespace estiba::engine {
namespace {

using monitorapi::OutletKind;
using monitorapi::OutletTransport;

constexpr int kConnectPatience = 10'000;

Error Failed(const Error& why, const std::string& what) {
  return Error(why.code(), "failed to initialize logging driver: " + what + why.Message());
}

Status FindLocal(OutletPlan& plan) {
  std::optional<Error> last;
  for (const std::string& path : plan.paths) {
    for (const auto& [type, transport] : {std::pair(SOCK_DGRAM, OutletTransport::kUnixDatagram),
                                          {SOCK_STREAM, OutletTransport::kUnixStream}}) {
      auto socket = os::ConnectUnix(path, type);
      if (socket.ok()) {
        plan.outlet.address = path;
        plan.outlet.transport = transport;
        return Ok();
      }
      if (!last || socket.error().errnum() != EPROTOTYPE) last = std::move(socket).error();
    }
  }
  if (plan.outlet.kind == OutletKind::kJournald)
    return Error(Code::kFailedPrecondition,
                 "failed to initialize logging driver: journald is not enabled on this host");
  return Failed(*last, "");
}

Result<std::vector<std::string>> LookUp(const std::string& host) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(host.c_str(), nullptr, &wanted, &found);
  if (code != 0) return Error(Code::kNotFound, "lookup " + host + ": " + ::gai_strerror(code));
  std::vector<std::string> addresses;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    if (one->ai_family == AF_INET)
      addresses.emplace_back(
          reinterpret_cast<const char*>(&reinterpret_cast<const sockaddr_in*>(one->ai_addr)->sin_addr), 4);
    if (one->ai_family == AF_INET6)
      addresses.emplace_back(
          reinterpret_cast<const char*>(&reinterpret_cast<const sockaddr_in6*>(one->ai_addr)->sin6_addr), 16);
  }
  ::freeaddrinfo(found);
  return addresses;
}

Status TryConnect(int type, const std::string& address, std::uint16_t port) {
  const os::UniqueFd socket = TRY(os::ConnectInet(type, {address, port}));
  if (type == SOCK_DGRAM) return Ok();
  struct pollfd polled{socket.get(), POLLOUT, 0};
  const int count = ::poll(&polled, 1, kConnectPatience);
  const int err = count == 0 ? ETIMEDOUT : os::ConnectionError(socket.get());
  return err == 0 ? Ok() : Status(Error::Errno(err, "connect"));
}

Status FindServer(OutletPlan& plan) {
  const bool udp = plan.outlet.transport == OutletTransport::kUdp;
  const std::string shown = plan.server.host + ":" + std::to_string(plan.server.port) + ": ";
  auto addresses = LookUp(plan.server.host);
  const std::string what = std::string("dial ") + (udp ? "udp " : "tcp ") + shown;
  if (!addresses.ok()) return Failed(addresses.error(), what);
  std::optional<Error> last;
  for (const std::string& address : *addresses) {
    Status tried = TryConnect(udp ? SOCK_DGRAM : SOCK_STREAM, address, plan.server.port);
    if (tried.ok()) {
      plan.outlet.address = address;
      plan.outlet.port = plan.server.port;
      return Ok();
    }
    last = std::move(tried).error();
  }
  return last ? Failed(*last, what)
              : Error(Code::kNotFound, "failed to initialize logging driver: " + what + "no address");
}

}  // namespace

Result<monitorapi::LogOutlet> Containers::OutletOf(const ContainerRecord& record) {
  OutletPlan plan = TRY(PlanOutlet(record, w_.host->name));
  if (plan.outlet.kind == OutletKind::kNone) return plan.outlet;
  TRY(plan.paths.empty() ? FindServer(plan) : FindLocal(plan));
  return plan.outlet;
}

}  // namespace estiba::engine
