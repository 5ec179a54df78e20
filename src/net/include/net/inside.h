#pragma once
// Settings inside of a container's network, written past the look-ups that everybody on the host shares.

#include "net/setup.h"

namespace estiba::net {

// A procfs that nobody else looks into: in the one that everybody has, a look-up of "ipv4" goes by those of all network
// namespaces that were looked at there, with 1,000 containers most of a millisecond, and so does everybody else's on
// the host. Invalid where we may not mount one (a user's, whose /proc is covered in part). Closing it waits for RCU.
os::UniqueFd OpenProcfs();
// As ConfigureInside(), its settings written through that procfs; below 0: through /proc.
Status ConfigureInside(int netns, const InsideSpec& inside, int procfs);

// Settings of an interface with which it announces itself when it comes up, for its neighbours may remember another
// hardware address for one of its addresses. It costs as much as there are neighbours.
std::vector<std::pair<std::string, std::string>> AnnouncingSettings(const std::string& name, bool v6);

}  // namespace estiba::net
