#pragma once
// A client's TCP connection: queries one behind the other, their answers in whatever order they come (RFC 7766).

#include <functional>
#include <string>
#include <string_view>

#include "os/loop.h"

namespace estiba::netd {

class Stream {
 public:
  struct Events {
    // False: there will be no answer, and the connection ends.
    std::function<bool(std::string packet)> query;
    // May be called while a method of this object runs, once.
    std::function<void()> closed;
  };
  Stream(os::Loop& loop, os::UniqueFd socket, Events events)
      : loop_(loop), socket_(std::move(socket)), events_(std::move(events)) {}
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream();
  Status Start();
  void Answer(std::string_view message);

 private:
  void OnReady(std::uint32_t ready);
  bool Read();
  void TakeQueries();
  void Write();
  void Rest();
  void End();

  os::Loop& loop_;
  os::UniqueFd socket_;
  Events events_;
  os::Loop::Token token_ = 0;
  os::Loop::Token timer_ = 0;
  std::string received_;
  std::string to_send_;
  std::size_t waiting_ = 0;  // queries without an answer yet
  bool half_closed_ = false;  // the client asks no more
  bool taking_ = false;  // TakeQueries() is on the stack
  bool ended_ = false;
};

}  // namespace estiba::netd
