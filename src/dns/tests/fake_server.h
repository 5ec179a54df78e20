#pragma once
// A name server on a loopback address, on the loop of whoever asks it.

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "dns/server.h"
#include "os/inet.h"
#include "os/loop.h"
#include "os/socket.h"

namespace estiba::dns::testing {

class FakeServer {
 public:
  // What is sent back to a packet, in this order.
  using Behaviour = std::function<std::vector<std::string>(const std::string& packet)>;
  FakeServer(os::Loop& loop, Behaviour datagrams, Behaviour streams = {});
  ~FakeServer();

  Server server() const;
  int datagrams() const { return datagrams_asked_; }
  int streams() const { return streams_asked_; }
  const std::set<std::string>& senders() const { return senders_; }  // their names, as bytes
  const std::set<std::string>& ids() const { return ids_; }
  // Who asked last: for somebody else who answers in our place.
  const os::Sender& last() const { return last_; }

 private:
  struct Stream {
    os::UniqueFd socket;
    os::Loop::Token token = 0;
    std::string received;
  };
  void OnDatagram();
  void OnConnection();
  void OnStream(Stream& stream);

  os::Loop& loop_;
  Behaviour datagram_;
  Behaviour stream_;
  os::UniqueFd udp_;
  os::UniqueFd tcp_;
  os::Loop::Token udp_token_ = 0;
  os::Loop::Token tcp_token_ = 0;
  std::vector<std::unique_ptr<Stream>> streams_;
  int datagrams_asked_ = 0;
  int streams_asked_ = 0;
  std::set<std::string> senders_;
  std::set<std::string> ids_;
  os::Sender last_{};
};

}  // namespace estiba::dns::testing
