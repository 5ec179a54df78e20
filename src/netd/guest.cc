#include "guest.h"

#include <array>
#include <cerrno>

#include <sys/epoll.h>

#include "os/inet.h"
#include "os/socket.h"

namespace estiba::netd {
namespace {

// Of one client at a time: the others have their turn.
constexpr int kDatagramsARound = 64;
// A query is a name and a few options; what is longer is nobody's.
constexpr std::size_t kLongestQuery = 4096;
constexpr std::size_t kMostStreams = 32;

}  // namespace

Guest::~Guest() {
  forwarder_.Forget(number_);
  loop_.Forget(udp_token_);
  loop_.Forget(tcp_token_);
}

Status Guest::Serve(os::UniqueFd udp, os::UniqueFd tcp) {
  udp_ = std::move(udp);
  tcp_ = std::move(tcp);
  udp_token_ = TRY(loop_.Watch(udp_.get(), EPOLLIN, [this](std::uint32_t) { OnDatagrams(); }));
  tcp_token_ = TRY(loop_.Watch(tcp_.get(), EPOLLIN, [this](std::uint32_t) { OnConnection(); }));
  return Ok();
}

void Guest::OnDatagrams() {
  std::array<char, kLongestQuery> buffer;
  for (int i = 0; i < kDatagramsARound; ++i) {
    os::Sender from{};
    const ssize_t size = os::ReceiveFrom(udp_.get(), buffer, &from);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return;
    if (static_cast<std::size_t>(size) > buffer.size()) continue;
    Handle({buffer.data(), static_cast<std::size_t>(size)}, dns::Transport::kUdp, [this, from](std::string answer) {
      // Whoever does not read what it asked for goes without.
      [[maybe_unused]] const ssize_t sent = os::SendTo(udp_.get(), answer, from);
    });
  }
}

bool Guest::Handle(std::string_view packet, dns::Transport transport, Answer answer) {
  // For each: whoever asks now may have waited for a container to start since the one before.
  endpoints_.Refresh();
  const dns::Endpoint* asker = endpoints_.zone().Find(id_);
  dns::Decision decision = dns::Resolve(endpoints_.zone(), asker, packet, transport);
  if (decision.kind == dns::Decision::Kind::kNothing) return false;
  if (decision.kind == dns::Decision::Kind::kAnswer) {
    answer(std::move(decision.answer));
    return true;
  }
  const dns::Query query = std::move(decision.query);
  const auto done = [query, transport, answer](std::string got) {
    answer(got.empty() ? dns::EmptyAnswer(query, dns::Rcode::kServerFailure, transport)
                       : dns::Relayed(query, std::move(got), transport));
  };
  if (!forwarder_.Ask(number_, asker->servers, query, packet, transport, done)) done({});
  return true;
}

void Guest::OnConnection() {
  if (!streams_) streams_ = std::make_shared<Streams>();
  if (streams_->open.size() >= kMostStreams) return loop_.Change(tcp_token_, 0);  // until one of them goes
  auto accepted = os::Accept(tcp_.get());
  if (!accepted.ok() || !accepted->valid()) return;
  const std::uint64_t number = streams_->next++;
  Stream::Events events;
  events.query = [this, number](std::string packet) {
    return Handle(packet, dns::Transport::kTcp, [this, number](std::string answer) {
      const auto found = streams_->open.find(number);
      if (found != streams_->open.end()) found->second->Answer(answer);
    });
  };
  // Not at once: it is on the stack.
  events.closed = [this, number] {
    loop_.Defer([this, number, alive = std::weak_ptr(streams_)] {
      if (!alive.expired()) CloseStream(number);
    });
  };
  auto stream = std::make_unique<Stream>(loop_, std::move(*accepted), std::move(events));
  if (stream->Start().ok()) streams_->open.emplace(number, std::move(stream));
}

void Guest::CloseStream(std::uint64_t stream) {
  streams_->open.erase(stream);
  loop_.Change(tcp_token_, EPOLLIN);
}

}  // namespace estiba::netd
