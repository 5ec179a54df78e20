#pragma once
// estiba-uplink: holds the network namespace of a user's containers, makes it where there is none, has the way out led
// from it, and ends when the last monitor that needs it has gone.

#include <functional>
#include <memory>

#include "base/result.h"
#include "os/fd.h"
#include "os/loop.h"

namespace estiba::uplink {

class Server {
 public:
  // `listener`: the SEQPACKET socket in `folder`, non-blocking. Called in the host's network, with one thread. The loop
  // is stopped at the end. `confine`: once we are in the user's network, before anything of a container's is read;
  // `on_host`: in the host's, where it only relays ports.
  using Confine = std::function<Status(bool on_host)>;
  static Result<Server> Create(os::Loop& loop, os::UniqueFd listener, os::UniqueFd folder, Confine confine);
  Server(Server&&) noexcept;
  ~Server();
  Status Start();

 private:
  struct Rep;
  explicit Server(std::unique_ptr<Rep> rep);
  std::unique_ptr<Rep> rep_;
};

}  // namespace estiba::uplink
