#pragma once
// Networks and a container's endpoints in them.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "codec/json.h"

namespace estiba::apitypes {

struct EndpointIpamConfig {
  std::string ipv4_address;
  std::string ipv6_address;
  std::vector<std::string> link_local_ips;
};

struct EndpointSettings {
  std::optional<EndpointIpamConfig> ipam_config;
  std::vector<std::string> links;
  std::string mac_address;
  std::vector<std::string> aliases;
  std::map<std::string, std::string> driver_opts;
  std::int64_t gw_priority = 0;
  std::string network_id;
  std::string endpoint_id;
  std::string gateway;
  std::string ip_address;
  std::int64_t ip_prefix_len = 0;
  std::string ipv6_gateway;
  std::string global_ipv6_address;
  std::int64_t global_ipv6_prefix_len = 0;
  std::vector<std::string> dns_names;

  codec::Json ToJson() const;
};

struct IpamPool {
  std::string subnet;
  std::string ip_range;
  std::string gateway;
  std::map<std::string, std::string> aux_addresses;
};

struct Ipam {
  std::string driver = "default";
  std::map<std::string, std::string> options;
  std::vector<IpamPool> config;
};

// Body of POST /networks/create.
struct NetworkCreate {
  std::string name;
  bool check_duplicate = false;
  std::string driver;
  std::string scope;
  bool internal = false;
  bool attachable = false;
  bool ingress = false;
  bool config_only = false;
  std::string config_from;
  std::optional<bool> enable_ipv4;
  std::optional<bool> enable_ipv6;
  std::optional<Ipam> ipam;
  std::map<std::string, std::string> options;
  std::map<std::string, std::string> labels;

  codec::Json ToJson() const;
  static Result<NetworkCreate> FromJson(const codec::Json& json);
};

struct NetworkCreateResponse {
  std::string id;
  std::string warning;

  codec::Json ToJson() const;
  static Result<NetworkCreateResponse> FromJson(const codec::Json& json);
};

struct NetworkContainer {
  std::string name;
  std::string endpoint_id;
  std::string mac_address;
  std::string ipv4_address;  // with prefix: "172.17.0.2/16"
  std::string ipv6_address;
};

// The addresses of one of a network's subnets.
struct SubnetUsage {
  std::uint64_t in_use = 0;     // or reserved
  std::uint64_t available = 0;  // where addresses are chosen from
};

// Element of GET /networks and GET /networks/{id}.
struct Network {
  std::string name;
  std::string id;
  std::string created;  // RFC 3339
  std::string scope = "local";
  std::string driver;
  bool enable_ipv4 = true;
  bool enable_ipv6 = false;
  Ipam ipam;
  bool internal = false;
  bool attachable = false;
  bool ingress = false;
  std::string config_from;
  bool config_only = false;
  std::map<std::string, NetworkContainer> containers;
  std::map<std::string, std::string> options;
  std::map<std::string, std::string> labels;
  std::map<std::string, SubnetUsage> subnets;  // of one that is inspected
  std::string interface;  // ours: the bridge's name. Docker tells it as an option of the default network's alone

  codec::Json ToJson() const;
  static Result<Network> FromJson(const codec::Json& json);
};

// Body of POST /networks/{id}/connect.
struct NetworkConnect {
  std::string container;
  std::optional<EndpointSettings> endpoint;

  codec::Json ToJson() const;
  static Result<NetworkConnect> FromJson(const codec::Json& json);
};

// Body of POST /networks/{id}/disconnect.
struct NetworkDisconnect {
  std::string container;
  bool force = false;

  codec::Json ToJson() const;
  static Result<NetworkDisconnect> FromJson(const codec::Json& json);
};

}  // namespace estiba::apitypes
