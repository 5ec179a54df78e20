#pragma once
// Which of several processes brings a thing into the store: the others wait, and then find it there. A claim is a
// byte-range lock on a file of the store (fcntl(2), "open file description locks"): it ends with its holder, killed or
// not, and leaves nothing to clear. Claims save work only; what two bring in spite of them is stored once.

#include <optional>
#include <string>

#include "base/result.h"
#include "os/fd.h"

namespace estiba::store {

// Held as long as it lives.
class Claim {
 public:
  explicit Claim(os::UniqueFd file) : file_(std::move(file)) {}

 private:
  os::UniqueFd file_;
};

// Nothing when somebody else, of this process or another, has it. `store` is the content store's directory, `what` any
// name for the thing.
Result<std::optional<Claim>> TryClaim(os::DirFd store, const std::string& what);

}  // namespace estiba::store
