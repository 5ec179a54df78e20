#include "uplink/client.h"

#include <cerrno>

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>

#include "netd/client.h"
#include "os/event.h"
#include "os/socket.h"
#include "uplink/protocol.h"

namespace estiba::uplink {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kFindPatience{2000};
constexpr std::chrono::milliseconds kPause{5};

// While somebody else starts it or ends.
Result<os::UniqueFd> Connect(const Place& place, Clock::time_point deadline) {
  for (;;) {
    auto connected = netd::Connect({place.folder, place.program, "estiba-uplink"});
    if (connected.ok() || connected.error().code() != Code::kUnavailable || Clock::now() > deadline) return connected;
    ::poll(nullptr, 0, static_cast<int>(kPause.count()));
  }
}

Result<os::Message> Ask(int connection, const Request& request, const std::vector<int>& fds,
                        Clock::time_point deadline) {
  TRY(os::SendMessage(connection, Encode(request), fds));
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
  const bool answered = TRY(os::WaitReadable(connection, std::max(left, std::chrono::milliseconds(0))));
  if (!answered) return Error(Code::kDeadlineExceeded, "ask estiba-uplink: it does not answer");
  auto message = TRY(os::ReceiveMessage(connection, kMaxMessage));
  if (message.bytes.empty()) return Error(Code::kUnavailable, "ask estiba-uplink: it has ended");
  return message;
}

Result<Network> AskNetwork(int connection, bool of_host, Clock::time_point deadline) {
  const Request request{Request::Kind::kNetwork, std::string(of_host ? kOfHost : "")};
  auto answer = TRY(Ask(connection, request, {}, deadline));
  TRY(DecodeAnswer(answer.bytes));
  if (answer.fds.size() != 2) return Error(Code::kDataLoss, "ask estiba-uplink: no network came");
  return Network{std::move(answer.fds[0]), std::move(answer.fds[1])};
}

// One that is just ending is looked for anew.
Result<Reached> TryReach(const Place& place, const Network* known, const std::string& way_out,
                         Clock::time_point deadline) {
  Reached reached;
  reached.connection = TRY(Connect(place, deadline));
  const int connection = reached.connection.get();
  if (known != nullptr) {
    const auto answer =
        TRY(Ask(connection, {Request::Kind::kOffer}, {known->netns.get(), known->lease.get()}, deadline));
    TRY(DecodeAnswer(answer.bytes));
  } else {
    reached.network = TRY(AskNetwork(connection, place.of_host, deadline));
  }
  if (way_out.empty()) return reached;
  const auto answer = TRY(Ask(connection, {Request::Kind::kWayOut, way_out}, {}, deadline));
  TRY(DecodeAnswer(answer.bytes));
  return reached;
}

bool Passing(const Error& error) {
  return error.code() == Code::kUnavailable || error.errnum() == EPIPE || error.errnum() == ECONNRESET ||
         error.errnum() == ECONNREFUSED || error.errnum() == ENOENT;
}

// Nothing when there is none.
Result<std::optional<os::UniqueFd>> FindConnection(const std::string& folder) {
  auto connected = os::ConnectUnix(folder + "/" + kSocketName, SOCK_SEQPACKET | SOCK_NONBLOCK);
  if (connected.ok()) return std::optional<os::UniqueFd>(std::move(*connected));
  const int errnum = connected.error().errnum();
  if (errnum == ENOENT || errnum == ECONNREFUSED) return std::optional<os::UniqueFd>();
  return std::move(connected).error();
}

// Somebody has the network, though whom to ask for it was killed: the next one is being started.
bool IsHeld(const std::string& folder) {
  const auto lease = os::OpenAt({AT_FDCWD}, folder + "/" + kLeaseName, O_RDWR | O_NOFOLLOW);
  return lease.ok() && ::flock(lease->get(), LOCK_EX | LOCK_NB) < 0;
}

}  // namespace

Result<Reached> Reach(const Place& place, const Network* known, const std::string& way_out,
                      std::chrono::milliseconds patience) {
  const auto deadline = Clock::now() + patience;
  for (;;) {
    auto reached = TryReach(place, known, way_out, deadline);
    if (reached.ok() || !Passing(reached.error()) || Clock::now() > deadline) return reached;
    ::poll(nullptr, 0, static_cast<int>(kPause.count()));
  }
}

Status GivePorts(int connection, const std::vector<Port>& ports, std::chrono::milliseconds patience) {
  const auto deadline = Clock::now() + patience;
  std::size_t at = 0;
  do {
    const std::size_t end = std::min(at + kPortsAPiece, ports.size());
    Request piece{Request::Kind::kPorts, std::string(end == ports.size() ? kLastPiece : kMorePieces)};
    std::vector<int> sockets;
    for (; at < end; ++at) {
      piece.text += '\n' + ports[at].line;
      sockets.push_back(ports[at].socket);
    }
    const auto answer = TRY(Ask(connection, piece, sockets, deadline));
    TRY(DecodeAnswer(answer.bytes));
  } while (at < ports.size());
  return Ok();
}

Result<std::optional<Network>> Find(const std::string& folder) {
  const auto deadline = Clock::now() + kFindPatience;
  for (;;) {
    const auto connection = TRY(FindConnection(folder));
    if (!connection && !IsHeld(folder)) return std::optional<Network>();
    if (connection) {
      auto network = AskNetwork(connection->get(), /*of_host=*/false, deadline);
      if (network.ok()) return std::optional<Network>(std::move(*network));
      if (!Passing(network.error())) return std::move(network).error();
    }
    if (Clock::now() > deadline) return Error(Code::kUnavailable, "find estiba-uplink: it does not run");
    ::poll(nullptr, 0, static_cast<int>(kPause.count()));
  }
}

Result<std::string> WayOutTrouble(const std::string& folder) {
  const auto connection = TRY(FindConnection(folder));
  if (!connection) return std::string();
  const auto answer = TRY(Ask(connection->get(), {Request::Kind::kTrouble}, {}, Clock::now() + kFindPatience));
  return DecodeAnswer(answer.bytes);
}

bool HasEnded(int connection) {
  const auto message = os::ReceiveMessage(connection, kMaxMessage);
  return message.ok() ? message->bytes.empty() : message.error().errnum() != EAGAIN;
}

}  // namespace estiba::uplink
