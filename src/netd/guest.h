#pragma once
// One container: the sockets that its resolver asks.

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "dns/forwarder.h"
#include "dns/resolve.h"
#include "endpoints.h"
#include "os/loop.h"
#include "stream.h"

namespace estiba::netd {

class Guest {
 public:
  // `number` is nobody else's. `udp` is a datagram socket, `tcp` a listening one, both non-blocking.
  Guest(os::Loop& loop, Endpoints& endpoints, dns::Forwarder& forwarder, std::uint64_t number, std::string id)
      : loop_(loop), endpoints_(endpoints), forwarder_(forwarder), number_(number), id_(std::move(id)) {}
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;
  ~Guest();
  Status Serve(os::UniqueFd udp, os::UniqueFd tcp);

 private:
  using Answer = std::function<void(std::string)>;
  struct Streams {
    std::uint64_t next = 1;
    std::map<std::uint64_t, std::unique_ptr<Stream>> open;
  };

  void OnDatagrams();
  void OnConnection();
  // Calls `answer` at once or later; false when there is nothing to say to it.
  bool Handle(std::string_view packet, dns::Transport transport, Answer answer);
  void CloseStream(std::uint64_t stream);

  os::Loop& loop_;
  Endpoints& endpoints_;
  dns::Forwarder& forwarder_;
  std::uint64_t number_;
  std::string id_;
  os::UniqueFd udp_;
  os::UniqueFd tcp_;
  os::Loop::Token udp_token_ = 0;
  os::Loop::Token tcp_token_ = 0;
  // None before the first: most ask by datagrams alone. What was deferred finds by it whether we are there.
  std::shared_ptr<Streams> streams_;
};

}  // namespace estiba::netd
