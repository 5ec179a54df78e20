#include "uplink/server.h"

#include <cerrno>
#include <map>

#include <fcntl.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "net/user_network.h"
#include "netd/folder_lock.h"
#include "os/file.h"
#include "os/socket.h"
#include "ports.h"
#include "uplink/client.h"
#include "uplink/protocol.h"
#include "uplink/way_out.h"

namespace estiba::uplink {
namespace {

// Started by somebody who was killed before he connected.
constexpr std::chrono::seconds kFirstPatience{10};
// While somebody else holds the folder's lock, or the lease of a network that nobody has offered yet.
constexpr std::chrono::milliseconds kLockPatience{50};
constexpr std::size_t kMaxDatagram = 65536;

bool SameFile(int a, int b) {
  struct stat first {}, second {};
  return ::fstat(a, &first) == 0 && ::fstat(b, &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

Result<os::UniqueFd> OpenNetwork() { return os::OpenAt({AT_FDCWD}, "/proc/self/ns/net", O_RDONLY); }

// Nothing while somebody has it: then there is a network, which he will offer.
Result<os::UniqueFd> TakeLease(os::DirFd folder) {
  os::UniqueFd lease = TRY(os::OpenAt(folder, kLeaseName, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  if (::flock(lease.get(), LOCK_EX | LOCK_NB) == 0) return lease;
  if (errno == EWOULDBLOCK) return os::UniqueFd();
  return Error::Errno(errno, "lock '" + std::string(kLeaseName) + "'");
}

}  // namespace

struct Server::Rep {
  struct Client {
    os::UniqueFd connection;
    os::Loop::Token token = 0;
    bool wants_network = false;
    bool wants_way_out = false;
    std::unique_ptr<Ports> ports{};
  };

  Rep(os::Loop& l, os::UniqueFd socket, os::UniqueFd directory, WayOut way, Server::Confine sandbox)
      : loop(l),
        listener(std::move(socket)),
        folder(std::move(directory)),
        way_out(std::move(way)),
        confine(std::move(sandbox)),
        relays(l) {
    relays.OnRoom([this] {
      for (auto& [number, client] : clients)
        if (client.ports) client.ports->Resume();
    });
  }
  ~Rep();

  void OnClient();
  void OnMessage(std::uint64_t number);
  void Handle(std::uint64_t number, Client& client, const Request& request, std::vector<os::UniqueFd>& fds);
  Status TakePorts(Client& client, const std::string& text, std::vector<os::UniqueFd>& sockets);
  void OnWayOut();
  Status MakeNetwork();
  Status Settle(bool on_host);
  Status Adopt(std::vector<os::UniqueFd>& fds);
  void AskLease();
  void AnswerWaiting();
  void Answer(Client& client, const Status& status, std::string_view text = {});
  void GiveNetwork(Client& client);
  void Drop(std::uint64_t number);
  void EndIfAlone();
  bool MayEnd();

  os::Loop& loop;
  os::UniqueFd listener;
  os::UniqueFd folder;
  WayOut way_out;
  Confine confine;
  Network network;
  bool of_host = false;  // the network to make is the one where we are
  TcpRelays relays;
  std::vector<char> datagram = std::vector<char>(kMaxDatagram);
  os::Loop::Token listener_token = 0;
  os::Loop::Token way_out_token = 0;
  os::Loop::Token end_timer = 0;
  os::Loop::Token lease_timer = 0;
  std::uint64_t next = 1;
  std::map<std::uint64_t, Client> clients;
};

Server::Rep::~Rep() {
  loop.Forget(listener_token);
  loop.Forget(way_out_token);
  loop.Cancel(end_timer);
  loop.Cancel(lease_timer);
  for (auto& [number, client] : clients) loop.Forget(client.token);
}

void Server::Rep::OnClient() {
  auto accepted = os::Accept(listener.get());
  if (!accepted.ok() || !accepted->valid()) return;
  const auto peer = os::GetPeer(accepted->get());
  if (!peer.ok() || peer->uid != ::geteuid()) return;
  const std::uint64_t number = next++;
  Client& client = clients[number];
  client.connection = std::move(*accepted);
  auto token = loop.Watch(client.connection.get(), EPOLLIN, [this, number](std::uint32_t) { OnMessage(number); });
  if (!token.ok()) {
    clients.erase(number);
    return;
  }
  client.token = *token;
}

void Server::Rep::OnMessage(std::uint64_t number) {
  Client& client = clients.at(number);
  auto message = os::ReceiveMessage(client.connection.get(), kMaxMessage);
  if (!message.ok() && message.error().errnum() == EAGAIN) return;
  if (!message.ok() || message->bytes.empty()) return Drop(number);
  const auto request = Decode(message->bytes);
  if (!request.ok()) return Answer(client, Error(request.error().code(), request.error().Message()));
  Handle(number, client, *request, message->fds);
}

void Server::Rep::Handle(std::uint64_t number, Client& client, const Request& request,
                         std::vector<os::UniqueFd>& fds) {
  switch (request.kind) {
    case Request::Kind::kNetwork:
      client.wants_network = true;
      of_host = request.text == kOfHost;
      if (!network.netns.valid()) AskLease();
      return AnswerWaiting();
    case Request::Kind::kOffer: {
      const Status adopted = Adopt(fds);
      Answer(client, adopted);
      return AnswerWaiting();
    }
    case Request::Kind::kWayOut: {
      if (!network.netns.valid()) return Answer(client, Error(Code::kFailedPrecondition, "there is no network yet"));
      auto started = way_out.Start(request.text, network.netns.get());
      if (!started.ok()) return Answer(client, started);
      client.wants_way_out = true;
      return AnswerWaiting();
    }
    case Request::Kind::kPorts: return Answer(client, TakePorts(client, request.text, fds));
    case Request::Kind::kTrouble: return Answer(client, Ok(), way_out.Trouble());
  }
  Drop(number);
}

Status Server::Rep::TakePorts(Client& client, const std::string& text, std::vector<os::UniqueFd>& sockets) {
  if (!network.netns.valid()) return Error(Code::kFailedPrecondition, "take ports over: there is no network yet");
  std::vector<std::string> lines = Split(text, '\n');
  const bool last = lines[0] == kLastPiece;
  if (!last && lines[0] != kMorePieces) return Error(Code::kInvalidArgument, "take ports over: no piece of any");
  lines.erase(lines.begin());
  if (!client.ports) client.ports = std::make_unique<Ports>(loop, relays, datagram);
  return client.ports->Take(lines, sockets, last);
}

// With the lease nobody has a network of this user's; without it somebody has, and offers it when he sees that whoever
// was here before us is gone.
void Server::Rep::AskLease() {
  loop.Cancel(lease_timer);
  if (network.netns.valid()) return;
  const Status made = MakeNetwork();
  if (!made.ok()) {
    for (auto& [number, client] : clients)
      if (std::exchange(client.wants_network, false)) Answer(client, made);
    return;
  }
  if (network.netns.valid()) return AnswerWaiting();
  lease_timer = loop.After(kLockPatience, [this] {
    lease_timer = 0;
    AskLease();
  });
}

Status Server::Rep::MakeNetwork() {
  os::UniqueFd lease = TRY(TakeLease({folder.get()}));
  if (!lease.valid()) return Ok();
  if (!of_host) TRY(net::EnterNewUserNetwork());
  network.netns = TRY(OpenNetwork());
  network.lease = std::move(lease);
  return Settle(of_host);
}

Status Server::Rep::Adopt(std::vector<os::UniqueFd>& fds) {
  if (fds.size() != 2) return Error(Code::kInvalidArgument, "take a network over: two descriptors are needed");
  if (network.netns.valid()) {
    if (SameFile(network.netns.get(), fds[0].get())) return Ok();
    return Error(Code::kConflict, "take a network over: there is another one");
  }
  if (::setns(fds[0].get(), CLONE_NEWNET) < 0) return Error::Errno(errno, "enter the user's network");
  network = {std::move(fds[0]), std::move(fds[1])};
  loop.Cancel(lease_timer);
  return Settle(/*on_host=*/false);
}

// Nothing has to be led out of the host's own network.
Status Server::Rep::Settle(bool on_host) {
  if (on_host) {
    loop.Forget(way_out_token);
    way_out.Dismiss();
  }
  return confine(on_host);
}

void Server::Rep::AnswerWaiting() {
  for (auto& [number, client] : clients) {
    if (client.wants_network && network.netns.valid()) GiveNetwork(client);
    if (client.wants_way_out && way_out.settled()) {
      client.wants_way_out = false;
      Answer(client, Ok());
    }
  }
}

// Who is gone is dropped by the end of his connection.
void Server::Rep::Answer(Client& client, const Status& status, std::string_view text) {
  [[maybe_unused]] const bool sent = os::SendMessage(client.connection.get(), EncodeAnswer(status, text)).ok();
}

void Server::Rep::GiveNetwork(Client& client) {
  client.wants_network = false;
  [[maybe_unused]] const bool sent =
      os::SendMessage(client.connection.get(), EncodeAnswer(Ok()), {network.netns.get(), network.lease.get()}).ok();
}

// Without its keeper no other could be started from in here: the monitors start all of us anew.
void Server::Rep::OnWayOut() {
  const Status read = way_out.Read();
  if (read.ok()) return AnswerWaiting();
  log::Warn("start anew", {{"error", read.error().Message()}});
  loop.Stop();
}

void Server::Rep::Drop(std::uint64_t number) {
  const auto found = clients.find(number);
  loop.Forget(found->second.token);
  clients.erase(found);
  if (clients.empty()) EndIfAlone();
}

void Server::Rep::EndIfAlone() {
  loop.Cancel(end_timer);
  if (!clients.empty()) return;
  if (MayEnd()) return loop.Stop();
  end_timer = loop.After(kLockPatience, [this] {
    end_timer = 0;
    EndIfAlone();
  });
}

// As estiba-netd ends: under the lock nobody starts another, and who comes later finds no socket.
bool Server::Rep::MayEnd() {
  auto lock = netd::LockFolder({folder.get()});
  if (!lock.ok()) return false;
  OnClient();
  if (!clients.empty()) return false;
  if (auto gone = os::DeleteFile({folder.get()}, kSocketName); !gone.ok())
    log::Warn("cannot remove the socket", {{"error", gone.error().Message()}});
  return true;
}

Server::Server(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
Server::Server(Server&&) noexcept = default;
Server::~Server() = default;

Result<Server> Server::Create(os::Loop& loop, os::UniqueFd listener, os::UniqueFd folder, Confine confine) {
  WayOut way_out = TRY(WayOut::Create());
  return Server(
      std::make_unique<Rep>(loop, std::move(listener), std::move(folder), std::move(way_out), std::move(confine)));
}

Status Server::Start() {
  Rep& rep = *rep_;
  rep.listener_token = TRY(rep.loop.Watch(rep.listener.get(), EPOLLIN, [&rep](std::uint32_t) { rep.OnClient(); }));
  rep.way_out_token = TRY(rep.loop.Watch(rep.way_out.fd(), EPOLLIN, [&rep](std::uint32_t) { rep.OnWayOut(); }));
  rep.end_timer = rep.loop.After(kFirstPatience, [&rep] {
    rep.end_timer = 0;
    rep.EndIfAlone();
  });
  return Ok();
}

}  // namespace estiba::uplink
