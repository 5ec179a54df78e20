#include "driver_steps.h"

#include "net/bridge_link.h"
#include "net/parent_link.h"

namespace estiba::runtime {

using plan::Step;

Status EnsureParent(const Step& step) {
  return net::EnsureParent({step.text.at(0), step.text.at(1), static_cast<unsigned>(step.numbers.at(0))});
}

Status EnsureBridgeLink(const Step& step) {
  net::BridgeLinkSpec link;
  link.name = step.text.at(0);
  link.mac = TRY(net::ParseMac(step.text.at(1)));
  link.vrf = step.text.at(2);
  link.mtu = static_cast<unsigned>(step.numbers.at(0));
  link.vlan = static_cast<unsigned>(step.numbers.at(1));
  return net::EnsureBridgeLink(link);
}

Status JoinVlan(const Step& step) {
  return net::JoinVlan(step.text.at(0), static_cast<unsigned>(step.numbers.at(0)));
}

Status AddUpper(const Step& step, int netns) {
  net::UpperSpec link;
  for (const net::UpperKind kind : {net::UpperKind::kMacvlan, net::UpperKind::kIpvlan}) {
    if (net::ToString(kind) == step.text.at(0)) link.kind = kind;
  }
  if (net::ToString(link.kind) != step.text[0])
    return Error(Code::kNotImplemented, "links of the kind '" + step.text[0] + "' are not known here");
  link.parent = step.text.at(1);
  link.name = step.text.at(2);
  if (!step.text.at(3).empty()) link.mac = TRY(net::ParseMac(step.text[3]));
  link.mark = step.text.at(4);
  link.mode = static_cast<unsigned>(step.numbers.at(0));
  link.flag = static_cast<unsigned>(step.numbers.at(1));
  link.mtu = static_cast<unsigned>(step.numbers.at(2));
  return net::AddUpper(link, netns);
}

Status DeleteUpper(const Step& step) { return net::DeleteUpper(step.text.at(0), step.text.at(1)); }

}  // namespace estiba::runtime
