#pragma once

#include "arguments.h"
#include "base/result.h"

namespace estiba::estibad {

// Removes all that is ours, a line on standard output for each thing: an engine without a socket ends the containers,
// then the files go. Waits a little for an engine that is just ending. Killed anywhere, it can be run again.
Status Reset(const Arguments& arguments);

}  // namespace estiba::estibad
