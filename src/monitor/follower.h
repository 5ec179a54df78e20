#pragma once
// One `logs` client: fed from the files at the client's own pace, so that it holds nobody up.

#include <functional>
#include <memory>

#include "connection.h"
#include "log_writer.h"
#include "os/loop.h"
#include "monitorapi/log.h"

namespace estiba::monitor {

class Follower : public LogListener {
 public:
  // `over` is called once, deferred, when the client has everything or is gone.
  static Result<std::unique_ptr<Follower>> Start(os::Loop& loop, LogWriter& log, os::UniqueFd socket,
                                                 const monitorapi::LogOptions& options,
                                                 std::function<void()> over);
  ~Follower() override;

  // Nothing more will be written: ends after what there is.
  void LogEnds();
  void OnLogWritten() override { Pump(); }
  void OnLogRotated() override;

 private:
  Follower(os::Loop& loop, LogWriter& log, monitorapi::LogReader reader, const monitorapi::LogOptions& options,
           std::function<void()> over);
  void Pump();
  void End();

  os::Loop& loop_;
  LogWriter& log_;
  monitorapi::LogReader reader_;
  monitorapi::LogOptions options_;
  std::function<void()> over_;
  std::unique_ptr<Connection> connection_;
  os::Loop::Token until_timer_ = 0;
  bool ends_;
  bool ended_ = false;
};

}  // namespace estiba::monitor
