#pragma once
// estiba-netd: answers the resolvers of the containers whose monitors hand over their sockets, tells monitors when
// somebody took the rules of their networks, and ends when the last of them has gone.

#include <cstdint>
#include <memory>

#include "base/result.h"
#include "os/fd.h"
#include "os/loop.h"

namespace estiba::netd {

class Server {
 public:
  // `listener`: the SEQPACKET socket in `folder`, non-blocking. The loop is stopped at the end. With CAP_NET_ADMIN the
  // network's rules are watched from here on, without it they are not, which is logged. `network`: the namespace whose
  // rules those are, or below 0: ours.
  static Result<Server> Create(os::Loop& loop, os::UniqueFd listener, os::UniqueFd folder, int network = -1);
  Server(Server&&) noexcept;
  ~Server();
  // Before the loop runs; the sandbox may be entered in between.
  Status Start();

 private:
  struct Rep;
  explicit Server(std::unique_ptr<Rep> rep);
  std::unique_ptr<Rep> rep_;
};

}  // namespace estiba::netd
