#pragma once
// What ties the container to estiba-netd: its resolver's sockets, which estiba-netd answers for as long as we hold the
// connection over which it got them, and the word that somebody took the rules of its networks, which we put right.
// When estiba-netd is gone, whoever notices first starts another, and everybody hands over anew; what the container
// asks meanwhile waits in the sockets, and rules that were taken meanwhile are put right then.

#include <chrono>
#include <functional>
#include <string>

#include "net/setup.h"
#include "netd/client.h"
#include "os/loop.h"

namespace estiba::monitor {

class NetdLink {
 public:
  // `restore` puts the rules right that the container needs.
  NetdLink(os::Loop& loop, netd::Place place, std::string id, std::function<Status()> restore)
      : loop_(loop), place_(std::move(place)), id_(std::move(id)), restore_(std::move(restore)) {}
  NetdLink(const NetdLink&) = delete;
  NetdLink& operator=(const NetdLink&) = delete;
  ~NetdLink() { Stop(); }

  // Where its rules are, when that is not where we are; borrowed.
  void WatchRulesIn(int host_network) { place_.network = host_network; }
  // Until Stop(). Invalid sockets: the container has no names. `rules_made`: when its rules began to be made; the
  // epoch: it has none. With neither there is nothing to do.
  void Serve(net::NameSockets sockets, os::Loop::Clock::time_point rules_made);
  // The network has changed: new sockets, if they are valid, or without `names` none; with rules or without.
  void Change(net::NameSockets sockets, bool names, bool rules);
  void Stop();

 private:
  bool HasRules() const { return rules_made_ != os::Loop::Clock::time_point(); }
  void HandOver();
  Status TryHandOver();
  void OnMessage();
  void Restore();
  std::chrono::milliseconds NextPause();
  void Again(std::chrono::milliseconds pause);

  os::Loop& loop_;
  netd::Place place_;
  std::string id_;
  std::function<Status()> restore_;
  net::NameSockets sockets_;
  os::Loop::Clock::time_point rules_made_{};
  os::UniqueFd connection_;
  os::Loop::Token token_ = 0;
  os::Loop::Token timer_ = 0;
  os::Loop::Token restore_timer_ = 0;
  os::Loop::Clock::time_point handed_over_{};
  unsigned failures_ = 0;          // of handing over, in a row
  unsigned restore_failures_ = 0;  // in a row
};

}  // namespace estiba::monitor
