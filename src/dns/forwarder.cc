#include "dns/forwarder.h"

#include <algorithm>
#include <cerrno>

#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

#include "os/inet.h"

namespace estiba::dns {
namespace {

// A single server is asked twice; of many, not all.
constexpr std::size_t kLeastTries = 2;
constexpr std::size_t kMostTries = 3;

Result<std::uint16_t> RandomId() {
  std::uint16_t id = 0;
  if (::getrandom(&id, sizeof id, 0) != static_cast<ssize_t>(sizeof id)) return Error::Errno(errno, "get random bytes");
  return id;
}

// The server, not the name, is at fault: the next one may know.
bool AsksForAnother(Rcode rcode) {
  return rcode == Rcode::kServerFailure || rcode == Rcode::kRefused || rcode == Rcode::kNotImplemented;
}

}  // namespace

struct Forwarder::Exchange {
  std::uint64_t owner = 0;
  std::vector<Server> servers;
  std::string packet;
  std::string question_bytes;
  Transport asked_by = Transport::kUdp;
  Done done;

  std::size_t tries = 0;
  std::uint16_t id = 0;
  bool stream = false;   // this try is by TCP
  bool was_cut = false;  // and is so because the datagram was
  os::UniqueFd socket;
  os::Loop::Token token = 0;
  os::Loop::Token timer = 0;
  std::string to_write;
  std::string received;
  std::string fallback;  // the last answer that did not settle it

  const Server& server() const { return servers[(tries - 1) % servers.size()]; }
};

Forwarder::Forwarder(os::Loop& loop, const Limits& limits) : loop_(loop), limits_(limits) {}

Forwarder::~Forwarder() {
  for (auto& [number, exchange] : exchanges_) Close(*exchange);
}

std::size_t Forwarder::Of(std::uint64_t owner) const {
  const auto found = of_owner_.find(owner);
  return found == of_owner_.end() ? 0 : found->second;
}

bool Forwarder::Ask(std::uint64_t owner, const std::vector<Server>& servers, const Query& query,
                    std::string_view packet, Transport transport, Done done) {
  if (servers.empty() || exchanges_.size() >= limits_.in_all || Of(owner) >= limits_.of_each) return false;
  auto exchange = std::make_unique<Exchange>();
  exchange->owner = owner;
  exchange->servers = servers;
  exchange->packet = packet;
  exchange->question_bytes = query.question_bytes;
  exchange->asked_by = transport;
  exchange->done = std::move(done);
  const Number number = next_++;
  exchanges_.emplace(number, std::move(exchange));
  ++of_owner_[owner];
  NextServer(number);
  return true;
}

void Forwarder::Forget(std::uint64_t owner) {
  for (auto entry = exchanges_.begin(); entry != exchanges_.end();) {
    if (entry->second->owner != owner) {
      ++entry;
      continue;
    }
    Close(*entry->second);
    entry = exchanges_.erase(entry);
  }
  of_owner_.erase(owner);
}

void Forwarder::Close(Exchange& exchange) {
  loop_.Forget(exchange.token);
  loop_.Cancel(exchange.timer);
  exchange.socket.Reset();
}

void Forwarder::NextServer(Number number) {
  Exchange& exchange = *exchanges_.at(number);
  const std::size_t most = std::clamp(exchange.servers.size(), kLeastTries, kMostTries);
  exchange.stream = exchange.asked_by == Transport::kTcp;
  exchange.was_cut = false;
  while (exchange.tries < most) {
    ++exchange.tries;
    if (Send(number, exchange).ok()) return;
  }
  Finish(number, std::move(exchange.fallback));
}

Status Forwarder::Send(Number number, Exchange& exchange) {
  Close(exchange);
  const Server& server = exchange.server();
  exchange.id = TRY(RandomId());
  SetId(exchange.packet, exchange.id);
  exchange.socket = TRY(os::ConnectInet(exchange.stream ? SOCK_STREAM : SOCK_DGRAM,
                                        {server.address.Bytes(), server.port, server.interface}));
  const int fd = exchange.socket.get();
  if (exchange.stream) {
    exchange.to_write = Framed(exchange.packet);
    exchange.received.clear();
    exchange.token = TRY(loop_.Watch(fd, EPOLLOUT, [this, number](std::uint32_t) { OnStream(number); }));
  } else {
    if (::send(fd, exchange.packet.data(), exchange.packet.size(), MSG_NOSIGNAL) < 0)
      return Error::Errno(errno, "ask a name server");
    exchange.token = TRY(loop_.Watch(fd, EPOLLIN, [this, number](std::uint32_t) { OnDatagram(number); }));
  }
  exchange.timer = loop_.After(limits_.patience, [this, number] {
    exchanges_.at(number)->timer = 0;
    OnFailure(number);
  });
  return Ok();
}

void Forwarder::OnDatagram(Number number) {
  Exchange& exchange = *exchanges_.at(number);
  if (buffer_.empty()) buffer_.resize(kMaxMessage);
  // What is no answer to this question is passed over, and the true one waited for: somebody guesses.
  for (int i = 0; i < 16; ++i) {
    const ssize_t size = ::recv(exchange.socket.get(), buffer_.data(), buffer_.size(), 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size < 0) return OnFailure(number);  // ECONNREFUSED: nobody serves there
    const std::string_view packet(buffer_.data(), static_cast<std::size_t>(size));
    const auto head = ReadAnswerHead(packet, exchange.id, exchange.question_bytes);
    if (head) return OnAnswer(number, packet, head->cut, head->rcode);
  }
}

Status Forwarder::WriteStream(Exchange& exchange) {
  const ssize_t size =
      ::send(exchange.socket.get(), exchange.to_write.data(), exchange.to_write.size(), MSG_NOSIGNAL);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return Ok();
  if (size < 0) return Error::Errno(errno, "ask a name server");
  exchange.to_write.erase(0, static_cast<std::size_t>(size));
  if (exchange.to_write.empty()) loop_.Change(exchange.token, EPOLLIN);
  return Ok();
}

void Forwarder::OnStream(Number number) {
  Exchange& exchange = *exchanges_.at(number);
  if (!exchange.to_write.empty()) {
    if (!WriteStream(exchange).ok()) OnFailure(number);
    return;
  }
  const auto scratch = loop_.Scratch();
  const ssize_t size = ::recv(exchange.socket.get(), scratch.data(), scratch.size(), 0);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size <= 0) return OnFailure(number);
  exchange.received.append(scratch.data(), static_cast<std::size_t>(size));
  const auto message = FirstFramed(exchange.received);
  if (!message) return;  // at most 64 kB, which its length bounds
  const auto head = ReadAnswerHead(*message, exchange.id, exchange.question_bytes);
  if (!head) return OnFailure(number);
  OnAnswer(number, std::string(*message), /*cut=*/false, head->rcode);
}

void Forwarder::OnAnswer(Number number, std::string_view packet, bool cut, Rcode rcode) {
  Exchange& exchange = *exchanges_.at(number);
  if (cut) {
    exchange.fallback = packet;
    exchange.stream = exchange.was_cut = true;
    if (!Send(number, exchange).ok()) OnFailure(number);
    return;
  }
  if (!AsksForAnother(rcode)) return Finish(number, std::string(packet));
  exchange.fallback = packet;
  NextServer(number);
}

void Forwarder::OnFailure(Number number) {
  Exchange& exchange = *exchanges_.at(number);
  // The client sees that it was cut and may try itself.
  if (exchange.was_cut) return Finish(number, std::move(exchange.fallback));
  NextServer(number);
}

void Forwarder::Finish(Number number, std::string answer) {
  const auto found = exchanges_.find(number);
  const std::unique_ptr<Exchange> exchange = std::move(found->second);
  exchanges_.erase(found);
  Close(*exchange);
  const auto count = of_owner_.find(exchange->owner);
  if (--count->second == 0) of_owner_.erase(count);
  exchange->done(std::move(answer));
}

}  // namespace estiba::dns
