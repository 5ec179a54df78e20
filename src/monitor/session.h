#pragma once
// The standard streams of one process (the container's program, or an exec) and the clients attached to them.
//
// Output goes to the log and to every client. A client that does not keep up with a logged process is fed
// from the log's files at its own pace, so it loses nothing and holds nobody up; without a log the process
// waits for it.

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "connection.h"
#include "log_writer.h"
#include "os/loop.h"
#include "monitorapi/detach_keys.h"
#include "monitorapi/messages.h"
#include "os/fd.h"

namespace estiba::monitor {

class Session : public LogListener {
 public:
  struct Options {
    bool tty = false;
    bool in = false;  // the process has a standard input
    bool out = true;
    bool err = true;
    bool close_in_at_eof = false;  // the first client's end of input is the process's (stdin_once, exec)
  };
  struct Events {
    std::function<void()> drained;   // the process has ended and all it wrote was read
    std::function<void()> detached;  // a client typed the detach keys
    std::function<void()> closed;    // after CloseClients(): the last client has gone
  };
  // The process's ends of its pipes: for the start, then dropped. Invalid ones are /dev/null.
  struct ChildEnds {
    os::UniqueFd in, out, err;
  };

  Session(os::Loop& loop, LogWriter* log, const Options& options, Events events);
  ~Session() override;

  Result<ChildEnds> OpenPipes();
  // The process runs: from now on its streams are read. `terminal` is the master of its terminal, if it has
  // one.
  Status Start(os::UniqueFd terminal);
  Status AddClient(os::UniqueFd socket, const monitorapi::AttachOptions& options);
  Status Resize(std::uint16_t rows, std::uint16_t columns);
  // To every client that sees standard output, as a message of ours; not logged.
  void Tell(std::string_view text);

  // Reads what is left to the streams' end, or for two seconds: processes that outlive it may hold them open.
  void ProcessEnded();
  void CloseClients();
  bool HasClients() const { return !clients_.empty(); }

  void OnLogWritten() override;
  void OnLogRotated() override;
  void OnLogDrained() override { ReleaseOutputs(); }

 private:
  static constexpr std::size_t kMaxPending = 256U << 10;  // of one client, before it is fed from the log
  static constexpr std::size_t kLowPending = 64U << 10;

  struct Client {
    std::unique_ptr<Connection> connection;
    monitorapi::AttachOptions options;
    std::optional<monitorapi::DetachMatcher> matcher;
    std::optional<monitorapi::LogReader> replay;  // set: fed from the log, not live
    bool over = false;
  };
  struct Output {
    os::UniqueFd fd;
    monitorapi::Stream stream;
    os::Loop::Token token = 0;
  };

  void OnOutput(Output& output);
  bool ReadOutput(Output& output);
  void EndOutput(Output& output);
  void CheckDrained();
  void Deliver(monitorapi::Stream stream, std::string_view bytes);
  void SendTo(Client& client, monitorapi::Stream stream, std::string_view bytes);
  bool Wants(const Client& client, monitorapi::Stream stream) const;
  void BeginReplay(Client& client, bool from_start);
  void Pump(Client& client);
  Status WatchOutput(Output& output);
  void HoldOutputs();
  void ReleaseOutputs();
  // Runs a call later unless this session has gone by then.
  void Later(std::function<void()> call);

  void OnInput(Client& client, std::string_view bytes);
  void OnInputEnd(Client& client);
  void OnGone(Client& client);
  void WriteInput();
  void CloseInput();
  void AllowInput();

  os::Loop& loop_;
  LogWriter* log_;
  Options options_;
  Events events_;
  std::list<Client> clients_;
  std::list<Output> outputs_;
  os::UniqueFd terminal_;  // for resize
  os::UniqueFd in_;
  os::Loop::Token in_token_ = 0;
  std::string in_buffer_;
  bool in_ending_ = false;
  bool started_ = false;
  bool held_ = false;
  bool ended_ = false;
  bool drained_ = false;
  bool closing_ = false;
  os::Loop::Token drain_timer_ = 0;
  os::Loop::Token close_timer_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for Later()
};

}  // namespace estiba::monitor
