#pragma once
// The engine's end of a monitor's socket. Not thread-safe: the engine's event thread owns it, or a lock does.

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "monitorapi/frame.h"

namespace estiba::monitorapi {

class Client {
 public:
  explicit Client(os::UniqueFd socket) : channel_(std::move(socket)) {}
  // Connects to RUN/c/ID/sock. kNotFound or kUnavailable: no monitor serves it.
  static Result<Client> Connect(const std::string& socket_path);

  // Watch for reading, and for writing while WantsWrite(): then call Flush().
  int fd() const { return channel_.fd(); }
  bool WantsWrite() const { return channel_.WantsWrite(); }
  Status Flush() { return channel_.Flush(); }

  // Sends a request and gives its id, which the answer will carry. `fds` are borrowed.
  template <class T>
  Result<std::uint32_t> Send(const T& request, const std::vector<int>& fds = {}) {
    return SendBody(TypeOf(request), tlv::Encode(request), fds);
  }
  // Tells the monitor that the notice `frame` is recorded; nothing to do for one that needs no Ack.
  Status Acknowledge(const Frame& notice);

  // Call when the descriptor is readable, until it gives nothing. Answers (id as sent) and notices (type 200
  // and above). kUnavailable at end of file: the monitor is gone.
  Result<std::optional<Frame>> Receive();

  // Sends, then waits for the answer; notices that come between are kept for Receive(). A Failure answer is
  // an error. For programs without an event loop.
  template <class T>
  Result<Frame> Call(const T& request, const std::vector<int>& fds, std::chrono::milliseconds timeout) {
    const std::uint32_t id = TRY(Send(request, fds));
    return Await(id, timeout);
  }
  // Waits for the answer to a request that was sent.
  Result<Frame> Await(std::uint32_t id, std::chrono::milliseconds timeout);
  // Waits for the next notice of this type, dropping others.
  Result<Frame> AwaitNotice(Type type, std::chrono::milliseconds timeout);

  static Type TypeOf(const Launch&) { return Type::kLaunch; }
  static Type TypeOf(const Recover&) { return Type::kRecover; }
  static Type TypeOf(const Attach&) { return Type::kAttach; }
  static Type TypeOf(const Exec&) { return Type::kExec; }
  static Type TypeOf(const Resize&) { return Type::kResize; }
  static Type TypeOf(const Signal&) { return Type::kSignal; }
  static Type TypeOf(const Stop&) { return Type::kStop; }
  static Type TypeOf(const Probe&) { return Type::kProbe; }
  static Type TypeOf(const Pause&) { return Type::kPause; }
  static Type TypeOf(const Unpause&) { return Type::kUnpause; }
  static Type TypeOf(const Logs&) { return Type::kLogs; }
  static Type TypeOf(const Stats&) { return Type::kStats; }
  static Type TypeOf(const Top&) { return Type::kTop; }
  static Type TypeOf(const Update&) { return Type::kUpdate; }
  static Type TypeOf(const ChangeNetwork&) { return Type::kChangeNetwork; }
  static Type TypeOf(const TellNames&) { return Type::kTellNames; }
  static Type TypeOf(const Subscribe&) { return Type::kSubscribe; }

 private:
  Result<std::uint32_t> SendBody(Type type, const std::string& body, const std::vector<int>& fds);
  Result<Frame> ReceiveWithin(std::chrono::steady_clock::time_point deadline);

  Channel channel_;
  std::uint32_t next_id_ = 1;
  std::vector<Frame> kept_;
};

}  // namespace estiba::monitorapi
