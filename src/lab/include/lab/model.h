#pragma once
// A lab as its file describes it: nodes, links between them, and what shall reach what. Pure values; docs/labs.md is
// the file's grammar. Everything that can be known to be wrong without a kernel is refused here, with its line.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "net/address.h"
#include "base/ip.h"

namespace estiba::lab {

enum class NodeKind : std::uint8_t {
  kNetns,   // a network namespace
  kRouter,  // one that forwards
  kSwitch,  // one with a bridge that all its links are ports of
  kHost,    // this machine's own network
};
std::string_view ToString(NodeKind kind);  // "netns", "router", …

struct Route {
  IpPrefix to;  // 0.0.0.0/0 or ::/0 for "default"
  Ip via;
  unsigned line = 0;
};

struct Sysctl {
  std::string key;  // "net.ipv4.conf.all.rp_filter"
  std::string value;
  unsigned line = 0;
};

// One rule of a firewall: everything that is given must hold.
struct FirewallRule {
  bool accept = false;
  std::string in, out;  // interfaces, "" for any
  std::optional<IpPrefix> from, to;
  bool established = false;  // part of a connection that was let through, or related to one
  std::string protocol;      // "tcp", "udp", "icmp", "icmpv6", "" for any
  std::uint16_t port = 0;    // the destination's, of tcp and udp; 0 for any
};
struct FirewallChain {
  std::string hook;  // "input", "forward", "output"
  bool drop_by_default = false;
  std::vector<FirewallRule> rules;
};
// What comes in by `in` for `port` is sent on to `to`:`to_port`.
struct Publish {
  std::string in;
  std::string protocol;  // "tcp", "udp"
  std::uint16_t port = 0;
  Ip to;
  std::uint16_t to_port = 0;
};
// A command of the file.
struct Command {
  std::string text;  // for sh -c
  unsigned line = 0;
};

struct Node {
  std::string name;
  NodeKind kind = NodeKind::kNetns;
  unsigned line = 0;
  std::string image;                 // "": a bare namespace
  std::vector<std::string> command;  // of the image's container
  bool stp = false;                  // switches
  std::vector<Route> routes;
  std::vector<Sysctl> sysctls;
  std::vector<std::string> masquerade;  // interfaces whose address hides who is behind
  std::vector<Publish> publish;
  std::vector<FirewallChain> firewall;
  std::vector<Command> exec;
};

// One end of a link: an interface of a node.
struct End {
  std::size_t node = 0;  // in Lab::nodes
  std::string interface;
  std::vector<IpPrefix> addresses;
  net::Mac mac;
};
struct Link {
  End ends[2];
  unsigned line = 0;
  unsigned mtu = 0;            // 0: the kernel's
  std::uint32_t loss = 0;      // of 10,000 packets
  std::uint32_t delay_us = 0;  // each way
  std::uint32_t jitter_us = 0;
  std::uint64_t rate = 0;  // bits a second; 0: none
};

// A line of the reachability table.
struct Check {
  std::size_t from = 0;
  Ip to;
  std::string to_text;    // as written
  std::uint16_t tcp = 0;  // 0: a ping
  // Who listens for the check's sake: a node and its port; nothing when the address is none of the lab's.
  std::optional<std::pair<std::size_t, std::uint16_t>> listener;
  bool reaches = true;
  unsigned line = 0;
};

struct Lab {
  std::string name;
  std::string file;   // for messages
  bool ipv6 = false;  // off everywhere when no interface has such an address
  std::vector<Node> nodes;
  std::vector<Link> links;
  std::vector<Check> checks;

  const Node& NodeOf(const End& end) const { return nodes[end.node]; }
  std::optional<std::size_t> FindNode(std::string_view name) const;
  // The namespace of a node as ip-netns(8) knows it: LAB-NODE.
  std::string Namespace(std::size_t node) const { return name + "-" + nodes[node].name; }
};

// The file's text. `file` is named in messages, and gives the lab its name if it has none of its own: "lan.yaml:12:
// links[3].mtu: …". kInvalidArgument. At most 512 nodes and 2048 links.
Result<Lab> ParseLab(std::string_view text, const std::string& file);
// A name of a lab or node: letters, digits, '-', '_', at most 32.
bool IsName(std::string_view name);

}  // namespace estiba::lab
