#pragma once
// pasta and slirp4netns: how they are started and how they tell that the way is there.

#include <string>
#include <vector>

#include "base/result.h"
#include "os/process.h"

namespace estiba::uplink {

// Starts the program for the network namespace and waits until the way out is there. While it runs, it is a child of
// ours, or becomes one. `hangup`: given up when this has hung up. The error is what the program said last.
Status StartHelper(const std::string& program, int netns, int hangup);

// The last line of what it said.
std::string LastLine(const std::string& said);

}  // namespace estiba::uplink
