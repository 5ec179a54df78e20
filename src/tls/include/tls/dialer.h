#pragma once
// A connection to an engine elsewhere, by TCP and TLS. Whoever wants it is told what becomes of it (telling.h).

#include <memory>
#include <string>

#include "base/result.h"
#include "os/fd.h"
#include "os/loop.h"
#include "tls/context.h"

namespace estiba::tls {

// Blocks until somebody answers there: each address of `host` is tried in turn, half a minute at most altogether.
Result<os::UniqueFd> Reach(const std::string& host, const std::string& port);

// Passes `plain` on through TLS until one side ends it, which stops the loop. `socket` is connected.
class Dialer {
 public:
  static Result<std::unique_ptr<Dialer>> Create(os::Loop& loop, const Context& context, const std::string& host,
                                                os::UniqueFd socket, os::UniqueFd plain, os::UniqueFd asker);
  virtual ~Dialer() = default;
};

}  // namespace estiba::tls
