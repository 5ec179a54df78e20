#pragma once
// Whether somebody else took rules of ours: all tables flushed, our table deleted, a firewall started anew.

#include <functional>
#include <span>

#include "os/loop.h"

namespace estiba::netd {

class RuleWatch {
 public:
  // From here on nothing is missed. Needs CAP_NET_ADMIN.
  static Result<RuleWatch> Open();
  RuleWatch(RuleWatch&&) = default;
  RuleWatch& operator=(RuleWatch&&) = default;

  // `lost` is called after every loss, once for all that was read together.
  Status Start(os::Loop& loop, std::function<void()> lost);
  void Stop(os::Loop& loop) { loop.Forget(token_); }
  os::Loop::Clock::time_point since() const { return since_; }

  // Takes in one datagram; true when it completes a transaction that took something of ours. (Exposed for tests.)
  bool Read(std::string_view bytes);

 private:
  explicit RuleWatch(os::UniqueFd socket) : socket_(std::move(socket)), since_(os::Loop::Clock::now()) {}
  bool ReadAll(std::span<char> buffer);

  os::UniqueFd socket_;
  os::Loop::Clock::time_point since_;
  os::Loop::Token token_ = 0;
  // Of the transaction whose messages are being read.
  bool table_deleted_ = false;
  bool part_deleted_ = false;
};

}  // namespace estiba::netd
