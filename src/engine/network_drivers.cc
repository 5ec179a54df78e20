#include "network_drivers.h"

#include <algorithm>
#include <span>

#include "base/parse.h"
#include "bridge_options.h"

namespace estiba::engine {
namespace {

constexpr char kMacvlan[] = "macvlan", kIpvlan[] = "ipvlan";
constexpr std::size_t kShownId = 12;  // of a network's id, in the name of its dummy

Error Bad(std::string what) { return Error(Code::kInvalidArgument, std::move(what)); }

struct Choice {
  const char* name;
  unsigned number;  // as the kernel has it
};
using net::IpvlanFlag, net::IpvlanMode, net::MacvlanMode;
// The first is the default.
constexpr Choice kMacvlanModes[] = {{"bridge", static_cast<unsigned>(MacvlanMode::kBridge)},
                                    {"private", static_cast<unsigned>(MacvlanMode::kPrivate)},
                                    {"vepa", static_cast<unsigned>(MacvlanMode::kVepa)},
                                    {"passthru", static_cast<unsigned>(MacvlanMode::kPassthru)}};
constexpr Choice kIpvlanModes[] = {{"l2", static_cast<unsigned>(IpvlanMode::kL2)},
                                   {"l3", static_cast<unsigned>(IpvlanMode::kL3)},
                                   {"l3s", static_cast<unsigned>(IpvlanMode::kL3s)}};
constexpr Choice kIpvlanFlags[] = {{"bridge", static_cast<unsigned>(IpvlanFlag::kBridge)},
                                   {"private", static_cast<unsigned>(IpvlanFlag::kPrivate)},
                                   {"vepa", static_cast<unsigned>(IpvlanFlag::kVepa)}};

// Docker's name of an option, and podman's.
constexpr const char* kParentKeys[] = {"parent"};
constexpr const char* kMacvlanModeKeys[] = {"macvlan_mode", "mode"};
constexpr const char* kIpvlanModeKeys[] = {"ipvlan_mode", "mode"};
constexpr const char* kIpvlanFlagKeys[] = {"ipvlan_flag"};
constexpr const char* kMtuKeys[] = {"com.docker.network.driver.mtu", "mtu"};

std::string Option(const NetworkRecord& network, std::span<const char* const> keys) {
  for (const char* key : keys) {
    if (const auto found = network.options.find(key); found != network.options.end()) return found->second;
  }
  return {};
}

const Choice* Find(std::span<const Choice> choices, const std::string& value) {
  if (value.empty()) return &choices.front();
  const auto found = std::ranges::find_if(choices, [&](const Choice& choice) { return value == choice.name; });
  return found == choices.end() ? nullptr : &*found;
}

// Values were checked when the network was made.
const Choice& Chosen(std::span<const Choice> choices, const std::string& value) {
  const Choice* choice = Find(choices, value);
  return choice == nullptr ? choices.front() : *choice;
}

Status CheckChoice(const NetworkRecord& network, std::span<const Choice> choices, std::span<const char* const> keys,
                   const std::string& kind) {
  const std::string value = Option(network, keys);
  if (Find(choices, value) != nullptr) return Ok();
  return Bad("requested " + kind + " '" + value + "' is not valid, '" + choices.front().name + "' " +
             kind.substr(kind.find(' ') + 1) + " is the " + network.driver + " driver default");
}

std::vector<const char*> KnownKeys(const std::string& driver) {
  std::vector<const char*> keys(std::begin(kMtuKeys), std::end(kMtuKeys));
  const auto add = [&](std::span<const char* const> more) { keys.insert(keys.end(), more.begin(), more.end()); };
  if (SitsOnParent(driver)) add(kParentKeys);
  if (driver == kMacvlan) add(kMacvlanModeKeys);
  if (driver != kIpvlan) return keys;
  add(kIpvlanModeKeys);
  add(kIpvlanFlagKeys);
  return keys;
}

Status CheckUpper(const NetworkRecord& record) {
  if (record.driver == kMacvlan) TRY(CheckChoice(record, kMacvlanModes, kMacvlanModeKeys, "macvlan mode"));
  if (record.driver == kIpvlan) {
    TRY(CheckChoice(record, kIpvlanModes, kIpvlanModeKeys, "ipvlan mode"));
    TRY(CheckChoice(record, kIpvlanFlags, kIpvlanFlagKeys, "ipvlan flag"));
  }
  if (Option(record, kParentKeys) == "lo")
    return Bad("loopback interface is not a valid " + record.driver + " parent link");
  return Ok();
}

// Nothing for a link that has to be there.
Result<std::optional<net::ParentSpec>> MadeParent(const NetworkRecord& network) {
  const std::string given = Option(network, kParentKeys);
  if (given.empty()) return std::optional(net::ParentSpec{ParentOf(network), "", 0});
  if (given.find('.') == std::string::npos) return std::optional<net::ParentSpec>();
  return std::optional(TRY(net::ParseVlanName(given)));
}

bool IsPassthru(const NetworkRecord& network) {
  return network.driver == kMacvlan && Option(network, kMacvlanModeKeys) == "passthru";
}

}  // namespace

Status CheckDriver(const std::string& driver) {
  if (driver.empty() || driver == "bridge" || driver == "routed" || SitsOnParent(driver)) return Ok();
  return Bad("could not find plugin " + driver + " in v1 plugin registry: plugin not found");
}

bool IsUnmanaged(const NetworkRecord& network) {
  const auto mode = network.options.find("mode");
  return network.driver == "bridge" && mode != network.options.end() && mode->second == kUnmanaged;
}

bool SitsOnParent(const std::string& driver) { return driver == kMacvlan || driver == kIpvlan; }

Status ReadDriverOptions(NetworkRecord& record) {
  const std::vector<const char*> known = KnownKeys(record.driver);
  for (const auto& [key, value] : record.options) {
    const bool is_known = std::ranges::any_of(known, [&](const char* name) { return key == name; });
    if (!is_known) return Bad("network option '" + key + "' is not supported by driver " + record.driver);
  }
  if (const std::string mtu = Option(record, kMtuKeys); !mtu.empty()) {
    const auto bytes = ParseUint(mtu, 65535);
    if (!bytes.ok() || *bytes < 68) return Bad("invalid mtu '" + mtu + "'");
    record.mtu = static_cast<unsigned>(*bytes);
  }
  if (!SitsOnParent(record.driver)) return Ok();
  // A dummy leads nowhere, so no route does.
  if (Option(record, kParentKeys).empty()) record.internal = true;
  return CheckUpper(record);
}

std::string ParentOf(const NetworkRecord& network) {
  const std::string given = Option(network, kParentKeys);
  if (!given.empty()) return given;
  return (network.driver == kMacvlan ? "dm-" : "di-") + network.id.substr(0, kShownId);
}

bool HasParentsMac(const NetworkRecord& network) { return network.driver == kIpvlan || IsPassthru(network); }

Status CheckParentIsFree(const NetworkRecord& network, const NetworkList& others) {
  const std::string parent = ParentOf(network);
  for (const auto& other : others) {
    if (other->driver != network.driver || other->id == network.id || ParentOf(*other) != parent) continue;
    if (IsPassthru(network))
      return Error(Code::kPermissionDenied, "cannot use mode passthru, macvlan network " + other->id +
                                                " is already using parent interface " + parent);
    if (IsPassthru(*other))
      return Error(Code::kPermissionDenied, "macvlan network " + other->id + " is already using parent interface " +
                                                parent + " in mode passthru");
  }
  return Ok();
}

std::optional<net::BridgeLinkSpec> BridgeLinkOf(const NetworkRecord& network) {
  if (network.driver != "bridge" || IsUnmanaged(network)) return std::nullopt;
  const auto options = ParseBridgeOptions(network.options, network.internal);  // checked when it was made
  if (!options.ok() || (options->vlan == 0 && options->vrf.empty())) return std::nullopt;
  return net::BridgeLinkSpec{network.bridge, network.Bridge().LinkMac(), network.mtu, options->vlan, options->vrf};
}

Status PrepareLinks(const NetworkRecord& network, const NetworkList& others) {
  if (IsUnmanaged(network)) {
    const bool there = TRY(net::LinkExists(network.bridge));
    if (!there) return Bad("there is no bridge '" + network.bridge + "', and it is not ours to make");
    return network.options.contains("vlan") ? net::CheckFiltersVlans(network.bridge) : Ok();
  }
  // Now, so that what the kernel or the host lacks is told to whoever makes the network.
  if (const auto link = BridgeLinkOf(network)) return net::EnsureBridgeLink(*link);
  if (!SitsOnParent(network.driver)) return Ok();
  TRY(CheckParentIsFree(network, others));
  TRY(net::CheckUpperKind(network.driver == kMacvlan ? net::UpperKind::kMacvlan : net::UpperKind::kIpvlan));
  const std::string parent = ParentOf(network);
  if (net::MacOfParent(parent).ok()) return Ok();
  auto made = TRY(MadeParent(network));
  // As docker says it of a name that is no VLAN's, either.
  if (!made) made = TRY(net::ParseVlanName(parent));
  return net::EnsureParent(*made);
}

Status DropParent(const NetworkRecord& network, const NetworkList& others) {
  const std::string parent = ParentOf(network);
  for (const auto& other : others) {
    if (SitsOnParent(other->driver) && other->id != network.id && ParentOf(*other) == parent) return Ok();
  }
  return net::DeleteParent(parent);
}

plan::Upper PlanUpper(const Endpoint& endpoint, const NetworkRecord& network) {
  plan::Upper upper;
  auto made = MadeParent(network);  // checked when the network was made
  if (made.ok()) upper.make = std::move(made).value();
  net::UpperSpec& link = upper.link;
  link.parent = ParentOf(network);
  link.name = endpoint.container_ifname;
  link.mark = "estiba " + endpoint.id.substr(0, kShownId);
  link.mtu = endpoint.mtu;
  if (!HasParentsMac(network)) link.mac = endpoint.mac;
  if (network.driver == kMacvlan) {
    const Choice& mode = Chosen(kMacvlanModes, Option(network, kMacvlanModeKeys));
    link.kind = net::UpperKind::kMacvlan;
    link.mode = mode.number;
    upper.mode = std::string("mode ") + mode.name;
    return upper;
  }
  const Choice& mode = Chosen(kIpvlanModes, Option(network, kIpvlanModeKeys));
  const Choice& flag = Chosen(kIpvlanFlags, Option(network, kIpvlanFlagKeys));
  link.kind = net::UpperKind::kIpvlan;
  link.mode = mode.number;
  link.flag = flag.number;
  upper.mode = std::string("mode ") + mode.name + ' ' + flag.name;
  return upper;
}

bool RoutesByDevice(const NetworkRecord& network) {
  return network.driver == kIpvlan && Chosen(kIpvlanModes, Option(network, kIpvlanModeKeys)).number != 0;
}

}  // namespace estiba::engine
