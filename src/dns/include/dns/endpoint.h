#pragma once
// What is known of a container whose names others may ask for, and who may ask. One text file each, below
// /run/estiba/net: lines of words, of which later versions add kinds and change none; unknown ones are skipped. Pure.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dns/server.h"

namespace estiba::dns {

// A name that one container alone has for another of its network (docker run --link).
struct Link {
  std::string alias;
  std::string target;  // a name or id of the other one
};

struct Membership {
  std::string id;    // of the network
  std::string name;
  IpPrefix address;
  std::vector<std::string> aliases{};  // names in this network alone
  std::vector<Link> links{};
};

// For SRV: "_LABEL._PROTOCOL.name".
struct Service {
  std::string label;     // "80", "http"
  std::string protocol;  // "tcp", "udp", "sctp"
  std::uint16_t port = 0;
};

struct Endpoint {
  std::string id;                  // the container's
  std::vector<std::string> names;  // the first is what addresses resolve to
  std::vector<Membership> networks;  // in the order in which a name is looked for
  std::vector<Service> services;
  std::vector<Server> servers;     // that other names are asked of
  bool internal = false;           // no network leads outside: nothing is asked of anybody
  bool keeps_single_labels = false;  // names without a dot are asked of nobody
};

inline constexpr std::size_t kMaxEndpoint = 256U << 10;

// Names that cannot be asked for (dns/name.h) are left out.
std::string Encode(const Endpoint& endpoint);
// kDataLoss when it is not such a file, or cut.
Result<Endpoint> DecodeEndpoint(std::string_view text);

}  // namespace estiba::dns
