#pragma once
// journald or syslog, to which every entry of the log goes beside its files. What cannot be sent at once waits, up to a
// bound; nobody is waited for but at the end.

#include <deque>
#include <functional>
#include <string>
#include <string_view>

#include "monitorapi/log.h"
#include "monitorapi/messages.h"
#include "os/fd.h"
#include "os/loop.h"

namespace estiba::monitor {

class LogOutlet {
 public:
  // Connects with the first entry, and again whenever the other side has gone.
  LogOutlet(os::Loop& loop, monitorapi::LogOutlet config) : loop_(loop), config_(std::move(config)) {}
  LogOutlet(const LogOutlet&) = delete;
  LogOutlet& operator=(const LogOutlet&) = delete;
  ~LogOutlet();

  void Send(monitorapi::Stream stream, std::int64_t time, bool partial, std::string_view text);
  // Someone is there who takes entries too slowly, and none is to be lost. Nobody waits for someone who is not there.
  bool Full() const { return config_.blocks && answers_ && held_ >= config_.max_held; }
  void SetDrained(std::function<void()> drained) { drained_ = std::move(drained); }
  // What waits is sent, as far as that takes no more than a second or two.
  void Finish();

 private:
  enum class Sent : unsigned char { kAll, kWaits, kGone };
  bool Connect();
  Sent SendFirst();
  void Pump();
  void Disconnect();
  void Watch();
  void Drop();
  bool IsStream() const;

  os::Loop& loop_;
  monitorapi::LogOutlet config_;
  os::UniqueFd socket_;
  bool answers_ = true;  // the last one there took entries; the engine has just tried it
  bool sent_ = false;    // something over this connection
  std::deque<std::string> waiting_;
  std::size_t begun_ = 0;  // bytes of the first one that a stream has taken
  std::size_t held_ = 0;
  std::uint64_t lost_ = 0;
  os::Loop::Token token_ = 0;
  os::Loop::Token retry_ = 0;
  std::function<void()> drained_;
};

}  // namespace estiba::monitor
