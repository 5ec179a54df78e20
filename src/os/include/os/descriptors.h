#pragma once
// The descriptors of this process as a whole.

#include "base/result.h"

namespace estiba::os {

// Closes every descriptor but 0, 1, 2 and `kept`: for a copy of this process that has work of its own. Nobody else in
// it owns any, from here on.
Status CloseAllBut(int kept);

}  // namespace estiba::os
