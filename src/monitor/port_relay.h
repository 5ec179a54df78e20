#pragma once
// Those of root's published ports that the kernel does not lead all of (net::PublishedPort::IsRelayed): their sockets
// are watched until the first client comes, and then given to estiba-uplink, which is started where there is none. A
// port that nobody comes to costs no process.

#include <chrono>
#include <vector>

#include "base/result.h"
#include "os/loop.h"
#include "uplink/client.h"

namespace estiba::monitor {

class PortRelay {
 public:
  PortRelay() = default;
  PortRelay(const PortRelay&) = delete;
  PortRelay& operator=(const PortRelay&) = delete;
  ~PortRelay() { Release(); }

  void WatchIn(os::Loop& loop) { loop_ = &loop; }
  // In place of the ports that were given before. Their sockets are the caller's, open until Release() or the next
  // call.
  Status Serve(uplink::Place place, std::vector<uplink::Port> ports);
  void Release();

 private:
  void AwaitClients();
  void ForgetClients();
  Status Connect();
  void OnClient();
  void OnConnection();
  void TryLater();

  os::Loop* loop_ = nullptr;
  uplink::Place place_;
  std::vector<uplink::Port> ports_;
  std::vector<os::Loop::Token> waiting_;  // for clients, while there is no connection
  uplink::Network network_;
  os::UniqueFd connection_;  // to estiba-uplink, which serves the ports as long as it is there
  os::Loop::Token token_ = 0;
  os::Loop::Token timer_ = 0;
  unsigned failures_ = 0;
};

}  // namespace estiba::monitor
