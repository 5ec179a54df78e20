// Endpoints of the network drivers beside bridge: what their links are, on the host and in words for the shell.

#include "builder.h"

namespace estiba::plan {

void AddUpper(Builder& b, const Upper& upper) {
  if (upper.make) {
    b.Add(Op::kEnsureParent, Where::kHostChild, kNetworkField, {upper.make->name, upper.make->base},
          {upper.make->vlan});
  }
  const net::UpperSpec& link = upper.link;
  b.Add(Op::kAddUpper, Where::kHostChild, kNetworkField,
        {std::string(net::ToString(link.kind)), link.parent, link.name,
         link.mac ? net::ToString(*link.mac) : std::string(), link.mark, upper.mode},
        {link.mode, link.flag, link.mtu});
}

}  // namespace estiba::plan
