#pragma once
// Networks and what containers get from them: subnets, addresses, published ports. Allocations live in memory and in
// the records of the containers that hold them; after a restart of the engine they are claimed again from there.

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/guarded.h"
#include "base/result.h"
#include "cni/config.h"
#include "codec/json.h"
#include "engine/config.h"
#include "net/pool.h"
#include "net/publish.h"
#include "net/setup.h"
#include "os/fd.h"
#include "store/database.h"

namespace estiba::engine {

// A subnet of a network.
struct NetworkPool {
  IpPrefix subnet;
  Ip gateway;
  std::optional<IpPrefix> range;        // where containers' addresses are chosen from
  std::map<std::string, Ip> auxiliary;  // what somebody else has, by name: no container gets it

  codec::Json ToJson() const;
  static Result<NetworkPool> FromJson(const codec::Json& json);
};

struct NetworkRecord {
  std::string id;
  std::string name;
  std::string driver;  // "bridge", "macvlan", "ipvlan", "host", "null", "cni"
  std::string created;  // RFC 3339
  bool internal = false;
  bool predefined = false;
  bool ipv4 = true;
  bool ipv6 = false;
  std::vector<NetworkPool> pools;  // IPv4's first
  std::string bridge;
  unsigned mtu = 0;
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> options;
  // A container has had a hardware address that its addresses do not tell (Endpoint::HasToldMac): neighbours may
  // remember another one than a new container has.
  bool remembered_macs = false;

  codec::Json ToJson() const;
  // Those of earlier engines, too, which had one subnet.
  static Result<NetworkRecord> FromJson(const codec::Json& json);
  bool HasSubnetFor(const Ip& address) const;
  // Whoever is on its link, and remembers a hardware address for one of its addresses, remembers the one that the next
  // container with that address has, too.
  bool HasToldMacs() const;
  // What the kernel is given for it.
  net::BridgeSpec Bridge() const;
};

inline constexpr char kUnmanaged[] = "unmanaged";  // as an endpoint's driver: a bridge that is not ours
inline constexpr char kCni[] = "cni";  // the driver of networks that plugins see to: they choose addresses

// A container's place in a network.
struct Endpoint {
  std::string network_id;
  std::string id;  // of the endpoint, for inspect
  std::vector<IpPrefix> addresses;  // IPv4's first
  std::vector<Ip> gateways;         // of its network, at most one a family, IPv4's first
  net::Mac mac;
  std::string bridge;
  std::string host_ifname;
  std::string container_ifname;
  bool internal = false;
  unsigned mtu = 0;
  std::string driver = "bridge";
  bool announces = false;  // itself to neighbours when it comes; those of earlier engines had no settings for it

  // The host is a neighbour: it is the gateway, and can lead ports of its own there.
  bool IsCni() const { return driver == kCni; }
  bool HasHost() const { return driver != "macvlan" && driver != "ipvlan" && driver != kUnmanaged; }
  codec::Json ToJson() const;
  static Result<Endpoint> FromJson(const codec::Json& json);
  // The first of that family.
  std::optional<IpPrefix> Address(bool v6) const;
  std::optional<Ip> Gateway(bool v6) const;
  // The hardware address is the one that whoever has one of these addresses gets if he does not choose: MacFor() of
  // the first, and the others have the same place in their subnets. Link-local ones may have been anybody's.
  bool HasToldMac() const;
};

// Published ports of one start: the decided mappings, and the sockets that reserve those that take a port of the host,
// in the same order.
struct PortSet {
  std::vector<net::PublishedPort> ports;
  std::vector<os::UniqueFd> sockets;
};

struct EndpointRequest {
  std::string network;  // name, id or a prefix of it
  std::string ipv4;     // wanted, or empty
  std::string ipv6;
  std::vector<std::string> link_local;  // more, which nobody else has to know of
  std::vector<IpPrefix> last;  // taken again if they are free and none is wanted
  std::string mac;      // wanted, or empty
};

// A subnet that is asked for; what is empty is chosen.
struct PoolRequest {
  std::string subnet;
  std::string gateway;
  std::string range;
  std::map<std::string, std::string> auxiliary;
};

class Networks {
 public:
  // Loads what is recorded; makes the three predefined networks on first use.
  static Result<std::unique_ptr<Networks>> Open(store::Database* database, const Config& config);

  // Those of the CNI configuration, too, which is read each time.
  std::vector<std::shared_ptr<const NetworkRecord>> List() const;
  // By name, id, or unambiguous prefix of an id. kNotFound "network x not found".
  Result<std::shared_ptr<const NetworkRecord>> Get(std::string_view name) const;
  // kConflict for a name in use, kInvalidArgument for subnets that overlap others.
  struct CreateRequest {
    NetworkRecord record;  // name, internal, ipv4, ipv6, labels, options; the rest is decided here
    std::vector<PoolRequest> pools;
  };
  Result<std::shared_ptr<const NetworkRecord>> Create(CreateRequest request);
  // The caller has checked that no container uses it. kPermissionDenied for the predefined ones.
  Status Delete(const NetworkRecord& network);

  // ---- cni_networks.cc
  // What describes a network of driver cni. kNotFound when its file has gone.
  Result<cni::NetworkFile> GetCni(const NetworkRecord& network) const;
  // All of them, and files that cannot be used.
  cni::Folder LookAtCni() const;

  // How many addresses of its subnets are left, in the order of its pools; nothing for a network of driver cni.
  std::vector<net::AddressAllocator::Counts> CountAddresses(const NetworkRecord& network) const;

  // What the host's end of a container's interface is called.
  static std::string LinkName(const std::string& container_id, unsigned index);
  // An address for one container; `index` numbers its interfaces.
  Result<Endpoint> Connect(const EndpointRequest& request, const std::string& container_id, unsigned index);
  // Claims an endpoint that a running container holds since before this engine.
  void Claim(const Endpoint& endpoint);
  // `used` false: no container has had it.
  void Release(const Endpoint& endpoint, bool used);

  // Reserves host ports by bound sockets, which the container's monitor then holds: they are the only truth about
  // who has a port.
  Result<PortSet> Publish(const std::vector<net::PublishRequest>& requests, const Endpoint& endpoint) const;

 private:
  struct State {
    std::map<std::string, std::shared_ptr<const NetworkRecord>> by_id;
    std::map<std::string, std::vector<net::AddressAllocator>> allocators;  // by network id, one a pool
  };

  Networks(store::Database* database, const Config& config);
  Status Load();
  Status MakePredefined();
  Status FollowSettings();
  Status RecordAndInstall(NetworkRecord record);
  Status Record(const NetworkRecord& network);
  std::vector<std::shared_ptr<const NetworkRecord>> Recorded() const;
  std::vector<std::shared_ptr<const NetworkRecord>> OfCni() const;
  Error NotFound(std::string_view name) const;
  static Result<Endpoint> CniEndpoint(const NetworkRecord& network, const EndpointRequest& request,
                                      const std::string& container_id, unsigned index);
  Status RememberMac(const NetworkRecord& network, const Endpoint& endpoint);
  Result<IpPrefix> ChooseSubnet(const std::string& wanted, bool v6) const;
  Status ChoosePools(const CreateRequest& request, NetworkRecord& record) const;
  Status MakeLinks(const NetworkRecord& network);
  static Result<Ip> TakeAddress(std::vector<net::AddressAllocator>& from, const EndpointRequest& request, bool v6);
  static Status TakeAddresses(std::vector<net::AddressAllocator>& allocators, const EndpointRequest& request,
                              const NetworkRecord& network, Endpoint& endpoint);
  Status Reserve(const Endpoint& endpoint, const std::vector<net::PublishedPort>& wanted, net::HostPortRange range,
                 PortSet& set) const;
  static Status Install(State& state, std::shared_ptr<const NetworkRecord> network);

  store::Database* database_;
  const Config config_;
  std::string bridge_;
  std::string bridge_subnet_;
  unsigned mtu_;
  std::string default_bind_;
  std::vector<net::AddressPool> pools_;
  CniConfig cni_;
  std::mutex creating_;
  mutable Guarded<State> state_;
};

}  // namespace estiba::engine
