#pragma once
// What other firewalls of the host do to containers. Their rules are looked at and never touched.

#include <string>
#include <vector>

#include "base/result.h"

namespace estiba::net {

// A base chain of somebody's that drops forwarded packets unless a rule of theirs lets them pass, by its policy or its
// last rule: an accept in our table does not overrule it, so containers do not reach other networks.
struct ForwardDropper {
  std::string chain;   // "ip filter FORWARD", as nft(8) names it; "iptables-legacy filter FORWARD"
  std::string remedy;  // the commands that let our bridges pass, in the words of the program whose chain it is
};
// Of IPv4, in the current network namespace.
Result<std::vector<ForwardDropper>> ForwardDroppers();

}  // namespace estiba::net
