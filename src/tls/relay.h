#pragma once
// One TLS connection passed on to a plain stream socket and back: byte for byte and with backpressure, half-closed
// where one side is done (close_notify for shutdown(2)), and ended where one side is gone.

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "os/fd.h"
#include "os/loop.h"
#include "session.h"

namespace estiba::tls {

class Relay {
 public:
  struct Events {
    // The handshake is done: answers the plain side's socket, non-blocking.
    std::function<Result<os::UniqueFd>(Session& session)> open;
    // It is over, once. `failure` is "" where both sides have had their say.
    std::function<void(const std::string& failure)> ended;
  };
  // A handshake that is not done by then is given up.
  static constexpr std::chrono::seconds kHandshakePatience{10};

  // `socket`: non-blocking, connected or under way.
  Relay(os::Loop& loop, os::UniqueFd socket, Session session, Events events);
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;
  ~Relay();
  Status Start();

 private:
  // What was read on one side and is not yet written on the other.
  struct Way {
    std::vector<char> bytes{};
    std::size_t done = 0;
    bool over = false;  // nothing more comes
    bool told = false;  // and the other side knows
    std::string_view pending() const { return {bytes.data() + done, bytes.size() - done}; }
    bool empty() const { return done == bytes.size(); }
    void Take(std::size_t count) {
      done += count;
      if (!empty()) return;
      bytes = {};
      done = 0;
    }
  };
  enum class Step : unsigned char { kMoved, kStuck, kEnded };

  void OnSocket(std::uint32_t events);
  void OnPlain(std::uint32_t events);
  void Go();
  void Greet();
  void Refuse();
  // Each moves what it can, once.
  Step FillIn();
  Step DrainIn();
  Step FillOut();
  Step DrainOut();
  Step TellEnds();
  bool Finished() const;
  void WatchBoth();
  std::uint32_t SocketEvents() const;
  std::uint32_t PlainEvents() const;
  void StartParting();
  void SetDeadline(std::chrono::seconds patience, const char* what);
  void End(std::string failure);
  Step Fail(std::string failure);

  os::Loop& loop_;
  os::UniqueFd socket_;
  os::UniqueFd plain_;
  Session session_;
  Events events_;
  os::Loop::Token socket_token_ = 0;
  os::Loop::Token plain_token_ = 0;
  os::Loop::Token timer_ = 0;
  os::Loop::Token again_ = 0;
  Way in_;   // from TLS to the plain side
  Way out_;  // from the plain side to TLS
  bool greeted_ = false;
  // What TLS waits for: reading may have to write, and the other way round.
  bool wants_read_ = false;
  bool wants_write_ = false;
  bool socket_gone_ = false;  // nobody is at the other end any more
  bool plain_gone_ = false;
  bool ended_ = false;
};

}  // namespace estiba::tls
