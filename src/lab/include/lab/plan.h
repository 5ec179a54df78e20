#pragma once
// A lab as a list of operations: what `up` carries out, in this order, and what `explain` writes as commands. Pure.

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lab/model.h"

namespace estiba::lab {

inline constexpr std::string_view kBridge = "br0";  // of a switch
inline constexpr std::string_view kTable = "lab";   // nft's, of a node
// Centiseconds a port of a switch with STP listens, and learns, before it forwards: the least the kernel takes.
inline constexpr unsigned kForwardDelay = 200;

struct MakeNamespace {};
// A container without a network, whose namespace gets the node's name.
struct MakeContainer {
  std::string image;
  std::vector<std::string> command;
};
struct SetSysctl {
  std::string key, value;
};
struct MakeBridge {
  bool stp = false;
};
// Both ends are born where they belong.
struct MakePair {
  std::string interface;
  net::Mac mac;
  std::size_t peer_node = 0;
  std::string peer;
  net::Mac peer_mac;
  unsigned mtu = 0;
};
struct JoinBridge {
  std::string interface;
};
struct AddAddress {
  std::string interface;
  IpPrefix address;
};
// What leaves by the interface: not faster than `rate`, and later by the delay. tbf, or netem where there is a delay.
struct Shape {
  std::string interface;
  std::uint64_t rate = 0;
  std::uint32_t delay_us = 0, jitter_us = 0;
  unsigned mtu = 0;  // 0: the kernel's
};
// Drops `loss` of 10,000 packets that come in by the interface; `number` counts those of the node.
struct Lose {
  std::string interface;
  std::uint32_t loss = 0;
  std::size_t number = 0;
};
// The node's firewall, masquerading and published ports.
struct AddRules {};
struct BringUp {
  std::string interface;
};
struct AddRoute {
  Route route;
};
struct RunCommand {
  Command command;
};

struct Operation {
  std::size_t node = 0;
  unsigned line = 0;  // of the file, that asks for it
  std::variant<MakeNamespace, MakeContainer, SetSysctl, MakeBridge, MakePair, JoinBridge, AddAddress, Shape, Lose,
               AddRules, BringUp, AddRoute, RunCommand>
      what;
};

// In the order in which they must happen.
std::vector<Operation> MakePlan(const Lab& lab);

// tbf's bucket and queue for a rate, in bytes.
struct Bucket {
  std::uint32_t burst = 0;
  std::uint32_t limit = 0;
};
Bucket BucketFor(std::uint64_t rate, unsigned mtu);

// The plan as a shell script of ip(8), tc(8), nft(8) and sysctl(8) that leaves the same behind.
std::string Explain(const Lab& lab);
// A node's rules as nft(8) reads them: "add table inet lab\n…"; "" when it has none.
std::string RulesText(const Node& node);

}  // namespace estiba::lab
