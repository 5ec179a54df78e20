#pragma once

#include "base/result.h"

namespace estiba::tls {

// Before the first byte from elsewhere is read: no privilege, no file, no other program, no socket but those that are
// open and what comes in by them. Certificates that this machine trusts are looked up when they are needed:
// `with_authorities` leaves them readable.
Status EnterSandbox(bool with_authorities);

}  // namespace estiba::tls
