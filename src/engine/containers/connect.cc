// Networks and published ports of containers that exist: joined, left, added and taken away, whether they run or not.

#include <algorithm>

#include "../published.h"
#include "../spec/network_mode.h"
#include "../spec/validate.h"
#include "base/rollback.h"
#include "containers.h"

namespace estiba::engine {
namespace {

Error Refused(std::string text) { return {Code::kInvalidArgument, std::move(text)}; }

bool SharesNetwork(const ContainerRecord& record) {
  const std::string& mode = record.create.host_config.network_mode;
  return mode == "host" || IsJoined(mode);
}

// Docker's rules, in docker's words.
Status CheckMayJoin(const ContainerRecord& record, const NetworkRecord& network) {
  const auto& endpoints = record.create.endpoints;
  const bool host = record.create.host_config.network_mode == "host";
  if (host != (network.driver == "host"))
    return host ? Refused("container sharing network namespace with another container or host cannot be connected to "
                          "any other network")
                : Refused("container cannot be disconnected from host network or connected to host network");
  if (SharesNetwork(record))
    return Refused("container sharing network namespace with another container or host cannot be connected to any "
                   "other network");
  if (endpoints.contains(network.name))
    return Error(Code::kPermissionDenied,
                 "endpoint with name " + record.name + " already exists in network " + network.name);
  if (endpoints.contains("none") || (network.driver == "null" && !endpoints.empty()))
    return Refused("container cannot be connected to multiple networks with one of the networks in private (none) "
                   "mode");
  return Ok();
}

// Plugins are asked when a container starts, and when it has ended.
Status CheckMayChange(bool runs, const std::vector<Endpoint>& endpoints, bool to_cni = false) {
  if (!runs || (!to_cni && !IsOnCni(endpoints))) return Ok();
  return Error(Code::kConflict, "networks of driver cni are not changed while a container runs: stop it before");
}

Status CheckPublishes(const ContainerRecord& record) {
  if (!SharesNetwork(record) && !record.create.endpoints.contains("none")) return Ok();
  return Refused("container " + record.name + " has no network of its own: its ports cannot be published");
}

}  // namespace

void Containers::TellNetwork(const char* action, const NetworkRecord& network, const std::string& container) {
  w_.events->Publish("network", action, network.id,
                     {{"container", container}, {"name", network.name}, {"type", network.driver}});
}

Status Containers::ConnectNetwork(const NetworkRecord& network, const apitypes::NetworkConnect& connect) {
  const ContainerPtr container = TRY(Get(connect.container));
  const std::lock_guard operation(container->operation);
  TRY(CheckThere(container));
  LiveChange change = TRY(BeginChange(container));
  TRY(CheckMayJoin(change.record, network));
  const apitypes::EndpointSettings settings = connect.endpoint.value_or(apitypes::EndpointSettings{});
  TRY(CheckEndpointSettings(network, settings));
  TRY(CheckMayChange(change.runs, change.endpoints, network.driver == kCni));
  change.record.create.endpoints.emplace(network.name, settings);
  TRY(CheckCniUse(change.record));
  if (change.runs && !network.pools.empty()) {
    change.endpoints.push_back(TRY(JoinNetwork(change.record, network, settings, {}, change.endpoints)));
    Rollback rollback;
    rollback.Add([&] { w_.networks->Release(change.endpoints.back(), /*used=*/false); });
    TRY(CarryPorts(change));
    rollback.Commit();
  }
  TRY(CarryOut(container, std::move(change)));
  TellNetwork("connect", network, container->id);
  return Ok();
}

Status Containers::DisconnectNetwork(const NetworkRecord& network,
                                     const apitypes::NetworkDisconnect& disconnect) {
  const ContainerPtr container = TRY(Get(disconnect.container));
  const std::lock_guard operation(container->operation);
  TRY(CheckThere(container));
  LiveChange change = TRY(BeginChange(container));
  TRY(CheckMayChange(change.runs, change.endpoints));
  if (change.record.create.host_config.network_mode == "host" && network.driver == "host")
    return Refused("container cannot be disconnected from host network or connected to host network");
  if (change.record.create.endpoints.erase(network.name) == 0) {
    return Error(Code::kPermissionDenied,
                 "container " + container->id + " is not connected to network " + network.name);
  }
  if (change.runs) {
    std::erase_if(change.endpoints, [&](const Endpoint& one) { return one.network_id == network.id; });
    TRY(CarryPorts(change));
  }
  TRY(CarryOut(container, std::move(change)));
  TellNetwork("disconnect", network, container->id);
  return Ok();
}

Status Containers::ForgetNetwork(const std::string& network, const apitypes::NetworkDisconnect& disconnect) {
  const ContainerPtr container = TRY(Get(disconnect.container));
  const std::lock_guard operation(container->operation);
  TRY(CheckThere(container));
  if (container->data.Lock()->record.create.endpoints.erase(network) == 0) {
    return Error(Code::kPermissionDenied,
                 "container " + container->id + " is not connected to the network " + network);
  }
  return SaveRecord(container);
}

Result<apitypes::PortMap> Containers::AddPorts(const std::string& id, const std::vector<std::string>& texts) {
  const ContainerPtr container = TRY(Get(id));
  const std::lock_guard operation(container->operation);
  TRY(CheckThere(container));
  LiveChange change = TRY(BeginChange(container));
  TRY(CheckPublishes(change.record));
  TRY(CheckMayChange(change.runs, change.endpoints));
  const std::vector<net::PublishRequest> added = TRY(AddBindings(texts, change.record.create));
  apitypes::PortMap shown;
  if (change.runs) {
    const auto carrier = Carrier(change.record, change.endpoints);
    if (!carrier) {
      return Error(Code::kConflict, "container " + change.record.name +
                                        " is in no network that leads outside: its ports cannot be published");
    }
    PortSet set = TRY(w_.networks->Publish(added, *carrier));
    for (const net::PublishedPort& port : set.ports)
      shown[net::ToString(net::ContainerPort{port.container_port, port.protocol})].push_back(
          {ToString(port.host_ip), std::to_string(port.host_port)});
    change.ports.insert(change.ports.end(), set.ports.begin(), set.ports.end());
    change.sockets = std::move(set.sockets);
  }
  TRY(CarryOut(container, std::move(change)));
  return shown;
}

Status Containers::RemovePorts(const std::string& id, const std::vector<std::string>& texts) {
  const ContainerPtr container = TRY(Get(id));
  const std::lock_guard operation(container->operation);
  TRY(CheckThere(container));
  LiveChange change = TRY(BeginChange(container));
  TRY(CheckMayChange(change.runs, change.endpoints));
  const auto gone = TRY_CTX(RemoveBindings(texts, change.ports, change.record.create),
                            "container " + change.record.name);
  std::erase_if(change.ports, [&](const auto& port) { return std::ranges::find(gone, port) != gone.end(); });
  return CarryOut(container, std::move(change));
}

// The ports of whichever endpoint now gives the default route: those that are published go on under the same numbers.
Status Containers::CarryPorts(LiveChange& change) {
  const auto carrier = Carrier(change.record, change.endpoints);
  if (!carrier) {
    change.ports.clear();
    return Ok();
  }
  const std::vector<net::PublishRequest> requests = TRY(CollectPorts(change.record.create));
  const auto shares = SharePublished(requests, LeadTo(change.ports, carrier->addresses));
  change.ports.clear();
  std::vector<net::PublishRequest> missing;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    change.ports.insert(change.ports.end(), shares[i].begin(), shares[i].end());
    if (shares[i].empty()) missing.push_back(requests[i]);
  }
  auto published = w_.networks->Publish(missing, *carrier);
  if (!published.ok()) {
    return std::move(published).error().Context(
        "driver failed programming external connectivity on endpoint " + change.record.name);
  }
  change.ports.insert(change.ports.end(), published->ports.begin(), published->ports.end());
  change.sockets = std::move(published->sockets);
  return Ok();
}

}  // namespace estiba::engine
