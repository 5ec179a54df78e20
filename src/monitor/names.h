#pragma once
// The container's half of its names: its resolver's sockets, which estiba-netd answers for as long as we hold the
// connection over which it got them. When it is gone, whoever notices first starts another, and everybody hands over
// anew; what the container asks meanwhile waits in the sockets.

#include <chrono>
#include <string>

#include "net/setup.h"
#include "netd/client.h"
#include "os/loop.h"

namespace estiba::monitor {

class Names {
 public:
  Names(os::Loop& loop, netd::Place place, std::string id)
      : loop_(loop), place_(std::move(place)), id_(std::move(id)) {}
  Names(const Names&) = delete;
  Names& operator=(const Names&) = delete;
  ~Names() { Stop(); }

  // Hands over until Stop(). Invalid sockets: the container has no names.
  void Serve(net::NameSockets sockets);
  void Stop();

 private:
  void HandOver();
  Status TryHandOver();
  void OnMessage();
  std::chrono::milliseconds NextPause();
  void Again(std::chrono::milliseconds pause);

  os::Loop& loop_;
  netd::Place place_;
  std::string id_;
  net::NameSockets sockets_;
  os::UniqueFd connection_;
  os::Loop::Token token_ = 0;
  os::Loop::Token timer_ = 0;
  os::Loop::Clock::time_point handed_over_{};
  unsigned failures_ = 0;  // in a row
};

}  // namespace estiba::monitor
