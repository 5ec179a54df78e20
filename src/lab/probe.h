#pragma once
// One question of `check` under way: a ping, or a connection that is tried.

#include <cstdint>

#include "base/ip.h"
#include "os/fd.h"

namespace estiba::lab {

class Probe {
 public:
  // In the namespace `ns` (borrowed). `tcp` 0: a ping, told from others by `id`.
  Probe(int ns, const Ip& to, std::uint16_t tcp, std::uint16_t id) : ns_(ns), to_(to), tcp_(tcp), id_(id) {}

  // Asks, once more if it was asked before. That there is no way to ask is an answer for later, not an error.
  Status Ask();
  // Looks at what came, without waiting. True from the first good answer on.
  bool Reached();
  // What to poll(2), for `events()`; -1 while nothing can come.
  int fd() const { return fd_.get(); }
  short events() const;

 private:
  Status OpenPing();
  Status Connect();
  void SendPing();
  bool ReadAnswers();

  int ns_;
  Ip to_;
  std::uint16_t tcp_, id_;
  std::uint16_t sequence_ = 0;
  os::UniqueFd fd_;
  bool reached_ = false;
};

// A socket that listens on every address of the namespace; invalid when somebody has the port.
Result<os::UniqueFd> ListenIn(int ns, bool v6, std::uint16_t port);

}  // namespace estiba::lab
