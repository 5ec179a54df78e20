#include "fake_server.h"

#include <array>

#include "dns/message.h"
#include "os/inet.h"
#include "tests/support.h"

namespace estiba::dns::testing {
namespace {
const std::string kLoopback("\x7F\0\0\1", 4);
}

FakeServer::FakeServer(os::Loop& loop, Behaviour datagrams, Behaviour streams)
    : loop_(loop), datagram_(std::move(datagrams)), stream_(std::move(streams)) {
  udp_ = os::BindInet(SOCK_DGRAM, {kLoopback, 0}).value();
  udp_token_ = loop_.Watch(udp_.get(), EPOLLIN, [this](std::uint32_t) { OnDatagram(); }).value();
  if (!stream_) return;
  tcp_ = os::BindInet(SOCK_STREAM, {kLoopback, os::LocalPort(udp_.get()).value()}).value();
  EXPECT_TRUE(os::Listen(tcp_.get(), 8).ok());
  tcp_token_ = loop_.Watch(tcp_.get(), EPOLLIN, [this](std::uint32_t) { OnConnection(); }).value();
}

FakeServer::~FakeServer() {
  loop_.Forget(udp_token_);
  loop_.Forget(tcp_token_);
  for (const auto& stream : streams_) loop_.Forget(stream->token);
}

Server FakeServer::server() const {
  Server server = ParseServer("127.0.0.1").value();
  server.port = os::LocalPort(udp_.get()).value();
  return server;
}

void FakeServer::OnDatagram() {
  std::array<char, kMaxMessage> buffer;
  const ssize_t size = os::ReceiveFrom(udp_.get(), buffer, &last_);
  if (size < 0) return;
  ++datagrams_asked_;
  senders_.emplace(reinterpret_cast<const char*>(&last_.name), last_.size);
  ids_.emplace(buffer.data(), 2);
  if (!datagram_) return;
  for (const std::string& answer : datagram_(std::string(buffer.data(), static_cast<std::size_t>(size))))
    EXPECT_GE(os::SendTo(udp_.get(), answer, last_), 0);
}

void FakeServer::OnConnection() {
  auto accepted = os::Accept(tcp_.get());
  if (!accepted.ok() || !accepted->valid()) return;
  Stream& stream = *streams_.emplace_back(std::make_unique<Stream>());
  stream.socket = std::move(*accepted);
  stream.token =
      loop_.Watch(stream.socket.get(), EPOLLIN, [this, &stream](std::uint32_t) { OnStream(stream); }).value();
}

void FakeServer::OnStream(Stream& stream) {
  std::array<char, 4096> buffer;
  const ssize_t size = ::recv(stream.socket.get(), buffer.data(), buffer.size(), 0);
  if (size <= 0) {
    loop_.Forget(stream.token);
    stream.socket.Reset();
    return;
  }
  stream.received.append(buffer.data(), static_cast<std::size_t>(size));
  const auto message = FirstFramed(stream.received);
  if (!message) return;
  ++streams_asked_;
  for (const std::string& answer : stream_(std::string(*message))) {
    const std::string framed = Framed(answer);
    EXPECT_EQ(::send(stream.socket.get(), framed.data(), framed.size(), 0), static_cast<ssize_t>(framed.size()));
  }
}

}  // namespace estiba::dns::testing
