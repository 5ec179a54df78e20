#pragma once
// The network namespace of the user whose container this is, where his containers' bridges are (uplink/client.h): held
// for as long as the container needs it, with a connection to estiba-uplink. When that is gone, whoever notices first
// starts another, which goes on with what we hold.

#include <chrono>
#include <functional>

#include "base/result.h"
#include "os/loop.h"
#include "plan/plan.h"
#include "uplink/client.h"

namespace estiba::monitor {

class UserNetwork {
 public:
  UserNetwork() = default;
  UserNetwork(const UserNetwork&) = delete;
  UserNetwork& operator=(const UserNetwork&) = delete;
  ~UserNetwork() { Release(); }

  // Where the connection is watched; without it nothing is done when that ends.
  void WatchIn(os::Loop& loop) { loop_ = &loop; }

  // For a plan that has a kUserNetwork: the namespace, made or found; -1 for others. Waits.
  Result<int> Reach(const plan::Plan& plan);
  // Of a plan that is to be taken back: -1 also when the namespace is gone, with all that was in it.
  Result<int> Find(const plan::Plan& plan);
  // Runs `work` there, or where we are when `netns` is below 0.
  static Status In(int netns, const std::function<Status()>& work);
  // Published ports, served until Release() or others take their place. The sockets are the caller's and stay open.
  Status Publish(std::vector<uplink::Port> ports);
  void Release();

 private:
  Status ReachPlace();
  Status Connect();
  void Watch();
  void Again(std::chrono::milliseconds pause);

  os::Loop* loop_ = nullptr;
  uplink::Place place_;
  std::string way_out_;
  uplink::Network network_;
  std::vector<uplink::Port> ports_;
  os::UniqueFd connection_;
  os::Loop::Token token_ = 0;
  os::Loop::Token timer_ = 0;
  unsigned failures_ = 0;
};

}  // namespace estiba::monitor
