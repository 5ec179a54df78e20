#pragma once
// One client's stream socket, handed over by the engine: buffered output, input on demand, half-close.

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "os/loop.h"
#include "os/fd.h"

namespace estiba::monitor {

class Connection {
 public:
  struct Events {
    std::function<void(std::string_view)> input;  // none: what the client sends is never asked for
    std::function<void()> input_end;  // the client sends no more (half-close), or is gone
    std::function<void()> gone;       // nothing written arrives any more; called once
    std::function<void()> drained;    // everything written has left, or nothing can any more
  };

  Connection(os::Loop& loop, os::UniqueFd socket, Events events);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  Status Start();
  void Write(std::string_view bytes);
  std::size_t pending() const { return out_.size() - sent_; }
  // Input is delivered only while wanted; a client that is gone is noticed either way.
  void WantInput(bool on);
  bool gone() const { return gone_; }
  // The client takes nothing any more; what it had sent may still be unread.
  bool hung_up() const { return hung_up_; }
  // Reads no more, and hangs up once everything is sent; `gone` follows then.
  void Finish();
  // At once, whatever is unsent.
  void Drop() { Lose(); }

 private:
  void OnEvents(std::uint32_t events);
  void ReadInput();
  void EndInput();
  void OnHangUp();
  void Send();
  void Lose();
  void Rewatch();

  os::Loop& loop_;
  os::UniqueFd socket_;
  Events events_;
  os::Loop::Token token_ = 0;
  std::string out_;
  std::size_t sent_ = 0;
  bool want_input_ = false;
  bool input_ended_ = false;
  bool hung_up_ = false;
  bool finishing_ = false;
  bool gone_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for deferred calls
};

}  // namespace estiba::monitor
