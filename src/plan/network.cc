// Networks as host steps beside the child, and hooks.

#include <algorithm>
#include <climits>

#include "builder.h"

namespace estiba::plan {
namespace {

// "172.17.0.2/16 fd00::2/64"
template <typename T>
std::string Words(const std::vector<T>& values) {
  std::string words;
  for (const T& value : values) words += (words.empty() ? "" : " ") + ToString(value);
  return words;
}

std::uint64_t Number(net::GatewayMode mode) { return static_cast<std::uint64_t>(mode); }

std::uint64_t BridgeFlags(const net::BridgeSpec& bridge) {
  std::uint64_t flags = 0;
  if (!bridge.connects) flags |= kBridgeApart;
  if (bridge.internal) flags |= kBridgeInternal;
  return flags;
}

void AddBridgePort(Builder& b, const Endpoint& endpoint) {
  if (const net::BridgeSpec& bridge = endpoint.bridge; !bridge.name.empty()) {
    if (endpoint.vlan != 0 || !endpoint.vrf.empty())
      b.Add(Op::kEnsureBridgeLink, Where::kHostChild, kNetworkField,
            {bridge.name, net::ToString(bridge.LinkMac()), endpoint.vrf}, {bridge.mtu, endpoint.vlan});
    std::vector<std::string> words = {bridge.name, Words(bridge.gateways), Words(bridge.bare)};
    words.insert(words.end(), bridge.trusted.begin(), bridge.trusted.end());
    Step& step =
        b.Add(Op::kEnsureBridge, Where::kHostChild, kNetworkField, std::move(words),
              {bridge.mtu, bridge.masquerade ? 1ULL : 0ULL, BridgeFlags(bridge), Number(bridge.mode_ipv4),
               Number(bridge.mode_ipv6)});
    std::vector<Ip> sources;
    for (const auto& source : {bridge.source_ipv4, bridge.source_ipv6})
      if (source) sources.push_back(*source);
    step.blob = Words(sources);
  }
  const net::VethSpec& veth = endpoint.veth;
  b.Add(Op::kAddVeth, Where::kHostChild, kNetworkField,
        {veth.bridge, veth.host_name, veth.container_name, net::ToString(veth.mac)},
        {veth.mtu, veth.isolated ? 1ULL : 0ULL});
  if (endpoint.vlan != 0)
    b.Add(Op::kJoinVlan, Where::kHostChild, kNetworkField, {veth.host_name}, {endpoint.vlan});
}

void AddEndpoint(Builder& b, const Endpoint& endpoint) {
  if (endpoint.upper) {
    AddUpper(b, *endpoint.upper);
  } else {
    AddBridgePort(b, endpoint);
  }
  const net::InsideSpec& inside = endpoint.inside;
  std::vector<std::string> text = {inside.name, Words(inside.addresses), Words(inside.gateways)};
  for (const auto& [path, value] : inside.sysctls) text.push_back(path + '=' + value);
  b.Add(Op::kConfigureInside, Where::kHostChild, kNetworkField, std::move(text));
}

void AddHostUse(Builder& b, const Network& network) {
  if (const Network::OfUser& user = network.of_user; !user.folder.empty()) {
    b.Add(Op::kUserNetwork, Where::kHostChild, kNetworkField, {user.folder, user.program, user.way_out});
    return;
  }
  if (network.host_folder.empty()) return;
  b.Add(Op::kUseHost, Where::kHostChild, kNetworkField, {network.host_folder, network.default_bridge});
  if (network.forwarding.empty()) return;
  b.Add(Op::kForwarding, Where::kHostChild, kNetworkField, {network.host_folder},
        {network.forwarding.begin(), network.forwarding.end()});
}

void AddPorts(Builder& b, const Network& network) {
  std::vector<std::string> ports;
  bool relayed = false;
  for (const Endpoint& endpoint : network.endpoints) {
    for (const net::PublishedPort& port : endpoint.ports) {
      ports.push_back(net::ToLine(port));
      relayed = relayed || (port.IsRelayed() && !port.IsOpened() && !network.relay.folder.empty());
    }
  }
  if (relayed) b.Add(Op::kRelayPorts, Where::kHostChild, kPortsField, {network.relay.folder, network.relay.program});
  if (!ports.empty()) b.Add(Op::kPublishPorts, Where::kHostChild, kPortsField, std::move(ports));
}

void AddNames(Builder& b, const Network& network) {
  if (network.names_file.empty()) return;
  Step& step = b.Add(Op::kServeNames, Where::kHostChild, kNetworkField, {network.names_file});
  step.blob = network.names;
  // Where no endpoint of ours is configured, nobody else beside the child has brought lo up.
  if (network.endpoints.empty()) step.numbers = {1};
}

// After the names' sockets and file: the plugins' addresses are added to what is there.
void AddCni(Builder& b, const Network& network) {
  if (!network.cni) return;
  const CniAttachments& cni = *network.cni;
  std::vector<std::string> text = {cni.program, cni.records, cni.container};
  text.insert(text.end(), cni.networks.begin(), cni.networks.end());
  Step& step = b.Add(Op::kCniAdd, Where::kHostChild, kNetworkField, std::move(text),
                     {static_cast<std::uint64_t>(cni.patience.count())});
  step.blob = cni.request;
}

std::string EnvironmentBlob(const std::vector<std::string>& env) {
  std::string blob;
  for (const std::string& entry : env) blob += entry + '\0';
  return blob;
}

std::vector<std::string> HookText(const oci::Hook& hook) {
  std::vector<std::string> text = {hook.path};
  if (hook.args.empty()) {
    text.push_back(hook.path);
  } else {
    text.insert(text.end(), hook.args.begin(), hook.args.end());
  }
  return text;
}

std::uint64_t Milliseconds(const oci::Hook& hook) {
  // As much as poll(2) takes: three weeks and more.
  return std::min<std::uint64_t>(static_cast<std::uint64_t>(hook.timeout.value_or(0)) * 1000, INT_MAX);
}

}  // namespace

void AddNetwork(Builder& b, const ContainerInput& input) {
  for (const oci::NetDevice& device : input.spec.linux_config.net_devices) {
    Step& move = b.Add(Op::kMoveLink, Where::kHostChild, "linux.netDevices." + device.host_name,
                       {device.host_name, device.name});
    move.in = {b.network};
  }
  const bool own = oci::HasNewNamespace(input.spec.linux_config, oci::NamespaceType::kNetwork);
  if (!own) return;
  const bool attached = input.network.mode == Network::Mode::kBridge;
  if (!attached || input.network.endpoints.empty()) b.Child(child::Op::kLoopbackUp, kNetworkField);
  if (!attached) return;
  AddNetworkSteps(b, input.network);
}

void AddNetworkSteps(Builder& b, const Network& network) {
  const auto has_rules = [](const Endpoint& endpoint) { return !endpoint.upper && !endpoint.bridge.name.empty(); };
  if (std::ranges::any_of(network.endpoints, has_rules)) {
    AddHostUse(b, network);
    b.Add(Op::kEnsureTable, Where::kHostChild, kNetworkField);
  }
  for (const Endpoint& endpoint : network.endpoints) AddEndpoint(b, endpoint);
  AddNames(b, network);
  AddCni(b, network);
  AddPorts(b, network);
}

void AddHostHooks(Builder& b, const std::vector<oci::Hook>& hooks, const char* name, Where where) {
  for (std::size_t i = 0; i < hooks.size(); ++i) {
    const oci::Hook& hook = hooks[i];
    Step& step = b.Add(Op::kRunHook, where, Indexed(name, i), HookText(hook), {Milliseconds(hook)});
    step.blob = EnvironmentBlob(hook.env.value_or(std::vector<std::string>()));
  }
}

void AddChildHooks(Builder& b, const std::vector<oci::Hook>& hooks, const char* name) {
  const bool inside = std::string_view(name).ends_with("startContainer");
  for (std::size_t i = 0; i < hooks.size(); ++i) {
    const oci::Hook& hook = hooks[i];
    Step& step = b.Child(child::Op::kHook, Indexed(name, i), HookText(hook), {Milliseconds(hook)});
    // As runc does it: inside the container a hook without an environment of its own has the process's; before the
    // pivot it begins in the root.
    if (inside && !hook.env.has_value()) step.numbers.push_back(1);
    if (!inside) step.in = {kNoSlot, b.root};
    step.blob = EnvironmentBlob(hook.env.value_or(std::vector<std::string>()));
  }
}

}  // namespace estiba::plan
