#pragma once
// Containers' links that sit on a link of the host's without a bridge, macvlan and ipvlan, and the links that are made
// for them to sit on. In the style of net/setup.h: one function a step, undone from any process.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "net/address.h"

namespace estiba::net {

// A link that has to be made for others to sit on: a VLAN (802.1q) of `base`, or, without one, a dummy.
struct ParentSpec {
  std::string name;   // "eth0.10"
  std::string base;   // "eth0"; empty: a dummy, on which containers reach nobody but each other
  unsigned vlan = 0;  // 1 to 4094
};
// "eth0.10" is VLAN 10 of eth0. kInvalidArgument with docker's messages for names of another form.
Result<ParentSpec> ParseVlanName(const std::string& name);
// The link is there and up; whatever has that name already is used as it is. kNotFound when there is no `base`;
// kNotImplemented names what the kernel lacks.
Status EnsureParent(const ParentSpec& parent);
// Deletes what EnsureParent made and nothing else; succeeds when it is gone.
Status DeleteParent(const std::string& name);
// kNotFound "the requested parent interface x was not found on the host".
Result<Mac> MacOfParent(const std::string& name);

// As the kernel numbers them (IFLA_MACVLAN_MODE, IFLA_IPVLAN_MODE and _FLAGS).
enum class MacvlanMode : std::uint8_t { kPrivate = 1, kVepa = 2, kBridge = 4, kPassthru = 8 };
enum class IpvlanMode : std::uint8_t { kL2 = 0, kL3 = 1, kL3s = 2 };
enum class IpvlanFlag : std::uint8_t { kBridge = 0, kPrivate = 1, kVepa = 2 };

enum class UpperKind : std::uint8_t { kMacvlan = 0, kIpvlan = 1 };
std::string_view ToString(UpperKind kind);  // "macvlan", "ipvlan"
// kNotImplemented, with the option of its configuration that is missing, when the kernel has no such links.
Status CheckUpperKind(UpperKind kind);

struct UpperSpec {
  UpperKind kind = UpperKind::kMacvlan;
  std::string parent;
  std::string name;        // in the container: "eth0"
  std::string mark;        // tells it from all others when it is deleted; shown as its alias
  std::optional<Mac> mac;  // none: the parent's, as ipvlan and macvlan's kPassthru have it
  unsigned mode = 0;       // MacvlanMode or IpvlanMode
  unsigned flag = 0;       // IpvlanFlag
  unsigned mtu = 0;        // 0: the parent's; more than that is refused
};
// The link is born in `netns`, down, with its final name. One with kPassthru must be the parent's only one. The process
// must have one thread.
Status AddUpper(const UpperSpec& link, int netns);
// Deletes the link of that mark wherever it is: it goes with its namespace, but connections that killed processes left
// half closed keep that for minutes, and with it the link's addresses. Succeeds when it is gone.
Status DeleteUpper(const std::string& parent, const std::string& mark);

}  // namespace estiba::net
