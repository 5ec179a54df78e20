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
#include "codec/json.h"
#include "engine/config.h"
#include "net/pool.h"
#include "net/publish.h"
#include "os/fd.h"
#include "store/database.h"

namespace estiba::engine {

struct NetworkRecord {
  std::string id;
  std::string name;
  std::string driver;  // "bridge", "host", "null"
  std::string created;  // RFC 3339
  bool internal = false;
  bool predefined = false;
  net::Subnet subnet;
  net::Ipv4 gateway;
  std::optional<net::Subnet> range;
  std::string bridge;
  unsigned mtu = 0;
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> options;

  codec::Json ToJson() const;
  static Result<NetworkRecord> FromJson(const codec::Json& json);
};

// A container's place in a bridge network.
struct Endpoint {
  std::string network_id;
  std::string id;  // of the endpoint, for inspect
  net::Ipv4 address;
  unsigned prefix = 0;
  net::Ipv4 gateway;
  net::Mac mac;
  std::string bridge;
  std::string host_ifname;
  std::string container_ifname;
  bool internal = false;
  unsigned mtu = 0;

  codec::Json ToJson() const;
  static Result<Endpoint> FromJson(const codec::Json& json);
};

// Published ports of one start: the decided mappings and the sockets that reserve them, in the same order.
struct PortSet {
  std::vector<net::PublishedPort> ports;
  std::vector<os::UniqueFd> sockets;
};

struct EndpointRequest {
  std::string network;  // name, id or a prefix of it
  std::string address;  // wanted, or empty
  std::optional<net::Ipv4> last;  // taken again if it is free and none is wanted
  std::string mac;      // wanted, or empty
};

class Networks {
 public:
  // Loads what is recorded; makes the three predefined networks on first use.
  static Result<std::unique_ptr<Networks>> Open(store::Database* database, const Config& config);

  std::vector<std::shared_ptr<const NetworkRecord>> List() const;
  // By name, id, or unambiguous prefix of an id. kNotFound "network x not found".
  Result<std::shared_ptr<const NetworkRecord>> Get(std::string_view name) const;
  // kConflict for a name in use, kInvalidArgument for subnets that overlap others.
  struct CreateRequest {
    NetworkRecord record;  // name, internal, labels, options; the rest is decided here
    std::string subnet;    // empty: chosen from the pools
    std::string gateway;
    std::string range;
  };
  Result<std::shared_ptr<const NetworkRecord>> Create(CreateRequest request);
  // The caller has checked that no container uses it. kPermissionDenied for the predefined ones.
  Status Delete(const NetworkRecord& network);

  // An address for one container; `index` numbers its interfaces.
  Result<Endpoint> Connect(const EndpointRequest& request, const std::string& container_id, unsigned index);
  // Claims an endpoint that a running container holds since before this engine.
  void Claim(const Endpoint& endpoint);
  // `used` false: no container has had it.
  void Release(const Endpoint& endpoint, bool used);

  // Reserves host ports by bound sockets, which the container's monitor then holds: they are the only truth about
  // who has a port.
  Result<PortSet> Publish(const std::vector<net::PublishRequest>& requests, net::Ipv4 container_ip) const;
 private:
  struct State {
    std::map<std::string, std::shared_ptr<const NetworkRecord>> by_id;
    std::map<std::string, net::AddressAllocator> allocators;  // by network id
  };

  Networks(store::Database* database, const Config& config);
  Status Load();
  Status MakePredefined();
  Status Record(const NetworkRecord& network);
  Result<net::Subnet> ChooseSubnet(const std::string& wanted) const;
  Result<net::Reservation> ReserveOne(const net::PublishRequest& request, net::Ipv4 container_ip) const;
  static Status Install(State& state, std::shared_ptr<const NetworkRecord> network);

  store::Database* database_;
  std::string bridge_;
  std::string bridge_subnet_;
  unsigned mtu_;
  std::string default_bind_;
  std::vector<net::AddressPool> pools_;
  std::mutex creating_;
  mutable Guarded<State> state_;
};

}  // namespace estiba::engine
