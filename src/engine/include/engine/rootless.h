#pragma once
// An unprivileged user's engine lives, with everything it starts, in one user namespace of that user.

#include <string>

#include "base/result.h"

namespace estiba::engine {

// Moves this process, which must have one thread, into that user namespace: the one a living monitor below `run_root`
// is in, so that a new engine can go on with containers of an earlier one, or a new one with the user's subordinate
// ids; and into a mount namespace of its own. Makes `run_root`; a lock in it keeps two programs from making one each.
// Call before anything is opened or made that containers shall own.
Status EnterRootless(const std::string& run_root);

// Moves this process, which must have one thread, into a new user namespace with the user's subordinate ids.
Status MakeUserNamespace();

}  // namespace estiba::engine
