#include "netd/server.h"

#include <cerrno>
#include <map>
#include <optional>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "dns/forwarder.h"
#include "endpoints.h"
#include "guest.h"
#include "healer.h"
#include "netd/folder_lock.h"
#include "netd/handover.h"
#include "os/file.h"
#include "os/netns.h"
#include "os/socket.h"
#include "rule_watch.h"

namespace estiba::netd {
namespace {

// Started by somebody who was killed before he connected.
constexpr std::chrono::seconds kFirstPatience{10};
// While somebody else holds the folder's lock.
constexpr std::chrono::milliseconds kLockPatience{50};

// A socket of the kind that was agreed on, and none that would block us.
Status CheckSocket(int fd, int type) {
  int is = 0;
  int family = 0;
  socklen_t size = sizeof is;
  const bool asked = ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &is, &size) == 0 &&
                     ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) == 0;
  if (!asked || is != type || (family != AF_INET && family != AF_INET6))
    return Error(Code::kInvalidArgument, "take over sockets: not an internet socket of the kind that is needed");
  return os::SetNonBlocking(fd, true);
}

}  // namespace

struct Server::Rep {
  // A monitor, and what it has handed over.
  struct Monitor {
    os::UniqueFd connection;
    os::Loop::Token token = 0;
    std::unique_ptr<Guest> guest;
  };

  Rep(os::Loop& l, os::UniqueFd socket, Endpoints known, std::optional<RuleWatch> rules)
      : loop(l),
        listener(std::move(socket)),
        endpoints(std::move(known)),
        forwarder(l, dns::Forwarder::Limits{}),
        watch(std::move(rules)),
        healer(l, os::Loop::Clock::now(), [this](std::uint64_t number) { return TellLost(number); }) {}
  ~Rep();

  void OnMonitor();
  void OnMessage(std::uint64_t number);
  Status TakeOver(std::uint64_t number, Monitor& monitor, os::Message& message);
  Status TakeSockets(std::uint64_t number, Monitor& monitor, const std::string& id, std::vector<os::UniqueFd>& sockets);
  bool TellLost(std::uint64_t number);
  void Drop(std::uint64_t number);
  void EndIfAlone();
  bool MayEnd();

  os::Loop& loop;
  os::UniqueFd listener;
  Endpoints endpoints;
  dns::Forwarder forwarder;
  std::optional<RuleWatch> watch;
  Healer healer;
  os::Loop::Token listener_token = 0;
  os::Loop::Token end_timer = 0;
  std::uint64_t next = 1;
  std::map<std::uint64_t, Monitor> monitors;
};

Server::Rep::~Rep() {
  loop.Forget(listener_token);
  loop.Cancel(end_timer);
  if (watch) watch->Stop(loop);
  for (auto& [number, monitor] : monitors) loop.Forget(monitor.token);
}

void Server::Rep::OnMonitor() {
  auto accepted = os::Accept(listener.get());
  if (!accepted.ok() || !accepted->valid()) return;
  const auto peer = os::GetPeer(accepted->get());
  if (!peer.ok() || peer->uid != ::geteuid()) return;
  const std::uint64_t number = next++;
  Monitor& monitor = monitors[number];
  monitor.connection = std::move(*accepted);
  auto token = loop.Watch(monitor.connection.get(), EPOLLIN, [this, number](std::uint32_t) { OnMessage(number); });
  if (!token.ok()) {
    monitors.erase(number);
    return;
  }
  monitor.token = *token;
}

void Server::Rep::OnMessage(std::uint64_t number) {
  Monitor& monitor = monitors.at(number);
  auto message = os::ReceiveMessage(monitor.connection.get(), kMaxHandOver);
  if (!message.ok() && message.error().errnum() == EAGAIN) return;
  if (!message.ok() || message->bytes.empty()) return Drop(number);
  if (message->bytes == kRulesRestored) return healer.Done(number);
  const Status taken = TakeOver(number, monitor, *message);
  if (!taken.ok()) log::Warn("cannot take over a container's sockets", {{"error", taken.error().Message()}});
  if (!os::SendMessage(monitor.connection.get(), EncodeAnswer(taken)).ok()) Drop(number);
}

Status Server::Rep::TakeOver(std::uint64_t number, Monitor& monitor, os::Message& message) {
  const HandOver given = TRY(DecodeHandOver(message.bytes));
  if (message.fds.empty() && given.rules_made == 0)
    return Error(Code::kInvalidArgument, "take over: there is nothing to do");
  if (!message.fds.empty()) TRY(TakeSockets(number, monitor, given.id, message.fds));
  if (given.rules_made != 0)
    healer.Add(number, os::Loop::Clock::time_point(std::chrono::nanoseconds(given.rules_made)));
  return Ok();
}

Status Server::Rep::TakeSockets(std::uint64_t number, Monitor& monitor, const std::string& id,
                                std::vector<os::UniqueFd>& sockets) {
  if (sockets.size() != 2) return Error(Code::kInvalidArgument, "take over sockets: two are needed");
  TRY(CheckSocket(sockets[0].get(), SOCK_DGRAM));
  TRY(CheckSocket(sockets[1].get(), SOCK_STREAM));
  endpoints.Refresh();
  auto guest = std::make_unique<Guest>(loop, endpoints, forwarder, number, id);
  TRY(guest->Serve(std::move(sockets[0]), std::move(sockets[1])));
  monitor.guest = std::move(guest);
  return Ok();
}

bool Server::Rep::TellLost(std::uint64_t number) {
  return os::SendMessage(monitors.at(number).connection.get(), kRulesLost).ok();
}

void Server::Rep::Drop(std::uint64_t number) {
  const auto found = monitors.find(number);
  healer.Remove(number);
  loop.Forget(found->second.token);
  monitors.erase(found);
  if (monitors.empty()) EndIfAlone();
}

void Server::Rep::EndIfAlone() {
  loop.Cancel(end_timer);
  if (!monitors.empty()) return;
  if (MayEnd()) return loop.Stop();
  end_timer = loop.After(kLockPatience, [this] {
    end_timer = 0;
    EndIfAlone();
  });
}

// Under the lock nobody starts another, and who connects later finds no socket any more. Who has connected already sees
// his connection end, and looks for us anew.
bool Server::Rep::MayEnd() {
  auto lock = LockFolder(endpoints.folder());
  if (!lock.ok()) return false;
  OnMonitor();
  if (!monitors.empty()) return false;
  if (auto gone = os::DeleteFile(endpoints.folder(), kSocketName); !gone.ok())
    log::Warn("cannot remove the socket", {{"error", gone.error().Message()}});
  return true;
}

Server::Server(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
Server::Server(Server&&) noexcept = default;
Server::~Server() = default;

Result<Server> Server::Create(os::Loop& loop, os::UniqueFd listener, os::UniqueFd folder, int network) {
  Endpoints endpoints = TRY(Endpoints::Open(std::move(folder)));
  std::optional<RuleWatch> watch;
  const auto open = [&]() -> Status {
    watch = TRY(RuleWatch::Open());
    return Ok();
  };
  if (auto opened = network < 0 ? open() : os::VisitNetworkNamespace(network, open); !opened.ok()) {
    log::Warn("rules of containers' networks are not put back when others take them",
              {{"error", opened.error().Message()}});
  }
  return Server(std::make_unique<Rep>(loop, std::move(listener), std::move(endpoints), std::move(watch)));
}

Status Server::Start() {
  Rep& rep = *rep_;
  if (rep.watch) TRY(rep.watch->Start(rep.loop, [&rep] { rep.healer.Lost(); }));
  rep.listener_token = TRY(rep.loop.Watch(rep.listener.get(), EPOLLIN, [&rep](std::uint32_t) { rep.OnMonitor(); }));
  rep.end_timer = rep.loop.After(kFirstPatience, [&rep] {
    rep.end_timer = 0;
    rep.EndIfAlone();
  });
  return Ok();
}

}  // namespace estiba::netd
