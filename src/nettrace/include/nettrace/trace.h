#pragma once
// Follows one packet of our own through the namespaces, bridges, rules and routes of this host, and says what becomes
// of it. It is sent from the source's own namespace (or played in as if a link had received it), seen by tables of ours
// that last as long as we do, and dropped at its last step: no program and no other machine ever gets it.
// Needs root, Linux 5.12, and a process with one thread.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/ip.h"
#include "base/result.h"

namespace estiba::nettrace {

enum class Protocol : std::uint8_t { kPing = 1, kTcp = 6, kUdp = 17, kSctp = 132 };  // as in the IPv4 header
std::string_view ToString(Protocol protocol);                                          // "ping", "tcp", …
// One that has ports, by that name.
std::optional<Protocol> FindProtocol(std::string_view name);

// What the engine knows. The host itself is the party with the name "".
struct Membership {
  std::string network;
  std::vector<Ip> addresses;
};
struct Container {
  std::string name;
  bool host_network = false;  // it has none of its own
  std::vector<Membership> networks;

  // Of that family, else of the other.
  std::optional<Ip> Address(bool v6) const;
};
struct Network {
  std::string name;
  bool internal = false;
  std::vector<IpPrefix> subnets;
  std::string bridge;  // "" for other drivers
};
// A published port. `host` is unspecified (0.0.0.0, ::) for every address.
struct Published {
  std::string container;
  Protocol protocol = Protocol::kTcp;
  Ip host;
  std::uint16_t host_port = 0;
  std::uint16_t port = 0;
};
struct Facts {
  std::vector<Container> containers;
  std::vector<Network> networks;
  std::vector<Published> published;

  const Container* FindContainer(std::string_view name) const;
  // Whose address that is; null when it is nobody's.
  const Container* WhoHas(const Ip& address) const;
  const Network* NetworkOf(const Ip& address) const;    // by subnet
  const Network* NetworkAt(std::string_view bridge) const;
};

// A packet that comes in by a link of the host from another machine.
struct Outside {
  Ip source;
  std::string link;  // "": by which the host would answer
};

struct Question {
  std::string source;  // a container; "": the host
  std::optional<Outside> outside;
  Ip destination;
  Protocol protocol = Protocol::kPing;
  std::uint16_t port = 0;  // not of a ping
};

struct Hop {
  std::string place;  // "web", "host"
  std::string step;   // "route", "link", "prerouting", "nat", "neighbour", "listener", …
  std::string detail;
};

enum class Verdict : std::uint8_t { kPasses, kDropped, kUnknown };
std::string_view ToString(Verdict verdict);  // "passes", "dropped", "unknown"

struct Answer {
  Verdict verdict = Verdict::kUnknown;
  std::string reason;
  std::string next;  // what to do about it; may be empty
  std::vector<Hop> hops;
};
// Answers a process in the network namespace of a running container, 0 when it does not run.
using ProcessOf = std::function<Result<pid_t>(const std::string& container)>;
Result<Answer> Trace(const Facts& facts, const Question& question, const ProcessOf& process_of);

// The address by which the host would be reached from there: of its link to the same network, else its first.
Result<Ip> HostAddressFor(const Facts& facts, const std::string& source, const std::optional<Outside>& outside,
                          bool v6);

// What a container's name server says of `name`, asked from inside of its namespace. `server` is an address of its
// resolver file.
struct NameAnswer {
  std::optional<Ip> address;
  std::string why;  // there is none: "has no address of it", "does not answer"
};
Result<NameAnswer> ResolveIn(pid_t pid, const Ip& server, const std::string& name, bool v6);

}  // namespace estiba::nettrace
