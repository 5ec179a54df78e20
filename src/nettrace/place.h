#pragma once
// One network namespace as the kernel describes it: links, addresses, routes, neighbours, listeners.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nettrace/trace.h"
#include "os/fd.h"
#include "os/netlink.h"
#include "os/nft.h"
#include "os/nft_trace.h"
#include "probe.h"

namespace estiba::nettrace {

struct PlaceLink {
  std::uint32_t index = 0;
  std::string name;
  std::string kind;            // "veth", "bridge", "" for hardware and lo
  std::uint32_t master = 0;    // the bridge it is a port of
  std::uint32_t peer = 0;      // of a veth: the other end's number in its own namespace
  bool up = false;
  bool foreign_peer = false;   // the peer is in another namespace
  std::string mac;             // six bytes, or none
};

struct Route {
  bool local = false;          // to an address of this namespace
  std::uint32_t out = 0;
  std::optional<Ip> gateway;
  std::optional<Ip> source;    // that the kernel would choose
};

struct Neighbour {
  std::string mac;
  bool failed = false;    // asked for, and nobody answered
  bool pending = false;   // being asked for
};

class Place {
 public:
  // `ns` is a namespace's descriptor.
  static Result<Place> Open(std::string name, os::UniqueFd ns);
  const std::string& name() const { return name_; }
  int ns() const { return ns_.get(); }
  const PlaceLink* Link(std::uint32_t index) const;
  const PlaceLink* Link(std::string_view name) const;
  const std::vector<PlaceLink>& links() const { return links_; }
  const std::vector<os::NftChain>& chains() const { return chains_; }

  // The error has the kernel's errno: ENETUNREACH and EHOSTUNREACH no route, EACCES prohibited, EXDEV a source that is
  // not expected there. `in` with `source`: as for a packet that came in by that link; it may be by no link of it.
  Result<Route> FindRoute(const Ip& to, const std::optional<Ip>& source = std::nullopt, std::uint32_t in = 0);
  // Nothing when the kernel does not know it.
  Result<std::optional<Neighbour>> FindNeighbour(std::uint32_t link, const Ip& address);
  // Addresses that a program takes this port at; nothing when the kernel cannot tell.
  Result<std::optional<std::vector<Ip>>> Listeners(Protocol protocol, std::uint16_t port);
  // (link, address)
  Result<std::vector<std::pair<std::uint32_t, IpPrefix>>> Addresses();
  // The rule that a trace names, as text; a plain word for one that is gone.
  std::string RuleText(const os::NftTrace& trace);
  // A number below /proc/sys/net of the namespace; nothing when there is no such file.
  std::optional<std::string> Sysctl(const std::string& path) const;
  // Tables of iptables' old kind: nf_tables tells nothing of what they drop.
  bool HasLegacyTables() const;
  // Forgets the tracked connection that a packet of this flow has made.
  Status ForgetFlow(const Flow& flow);

 private:
  Place(std::string name, os::UniqueFd ns, os::NetlinkSocket route, os::NetlinkSocket filter)
      : name_(std::move(name)), ns_(std::move(ns)), route_(std::move(route)), filter_(std::move(filter)) {}
  Status ReadLinks();
  std::string name_;
  os::UniqueFd ns_;
  os::NetlinkSocket route_, filter_;
  std::vector<PlaceLink> links_;
  std::vector<os::NftChain> chains_;
};

}  // namespace estiba::nettrace
