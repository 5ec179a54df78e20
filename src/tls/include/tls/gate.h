#pragma once
// Where clients with TLS come in: each connection whose client has proved itself is handed to the engine as a plain
// one, and passed on as long as it lasts.

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "os/fd.h"
#include "os/loop.h"
#include "tls/context.h"

namespace estiba::tls {

class Gate {
 public:
  // `listeners` listen already. `engine` is told (telling.h); when it ends, nobody is let in any more, and the loop is
  // stopped with the last connection.
  static Result<std::unique_ptr<Gate>> Create(os::Loop& loop, Context context, std::vector<os::UniqueFd> listeners,
                                              os::UniqueFd engine);
  virtual ~Gate() = default;
};

}  // namespace estiba::tls
