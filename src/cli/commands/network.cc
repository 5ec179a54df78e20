#include "apitypes/network.h"

#include "base/ip.h"
#include "base/text.h"
#include "commands/commands.h"
#include "commands/list.h"
#include "commands/prune.h"
#include "options/envfile.h"
#include "text/units.h"

namespace estiba::cli {
namespace {

using codec::Json;

constexpr Flag kCreateFlags[] = {
    {'\0', "attachable", Kind::kBool, "", "Enable manual container attachment"},
    {'\0', "aux-address", Kind::kList, "map", "Auxiliary IPv4 or IPv6 addresses used by Network driver"},
    {'d', "driver", Kind::kString, "string", "Driver to manage the Network (default \"bridge\")"},
    {'\0', "gateway", Kind::kCommaList, "strings", "IPv4 or IPv6 Gateway for the master subnet"},
    {'\0', "internal", Kind::kBool, "", "Restrict external access to the network"},
    {'\0', "ip-range", Kind::kCommaList, "strings", "Allocate container ip from a sub-range"},
    {'\0', "ipam-driver", Kind::kString, "string", "IP Address Management Driver (default \"default\")"},
    {'\0', "ipam-opt", Kind::kList, "map", "Set IPAM driver specific options"},
    {'\0', "ipv4", Kind::kBool, "", "Enable or disable IPv4 address assignment (default true)"},
    {'\0', "ipv6", Kind::kBool, "", "Enable or disable IPv6 address assignment"},
    {'\0', "label", Kind::kList, "list", "Set metadata on a network"},
    {'o', "opt", Kind::kList, "map", "Set driver specific options"},
    {'\0', "subnet", Kind::kCommaList, "strings", "Subnet in CIDR format that represents a network segment"},
};
constexpr Flag kLsFlags[] = {
    {'f', "filter", Kind::kFilter, "filter", "Provide filter values (e.g. \"driver=bridge\")"},
    {'\0', "format", Kind::kString, "string", kListFormatHelp},
    {'\0', "no-trunc", Kind::kBool, "", "Do not truncate the output"},
    {'q', "quiet", Kind::kBool, "", "Only display network IDs"},
};
constexpr Flag kRmFlags[] = {{'f', "force", Kind::kBool, "", "Do not error if the network does not exist"}};
constexpr Flag kConnectFlags[] = {
    {'\0', "alias", Kind::kCommaList, "strings", "Add network-scoped alias for the container"},
    {'\0', "driver-opt", Kind::kCommaList, "strings", "driver options for the network"},
    {'\0', "gw-priority", Kind::kInt, "int",
     "Highest gw-priority provides the default gateway. Accepts positive and negative values."},
    {'\0', "ip", Kind::kString, "string", "IPv4 address (e.g., \"172.30.100.104\")"},
    {'\0', "ip6", Kind::kString, "string", "IPv6 address (e.g., \"2001:db8::33\")"},
    {'\0', "link", Kind::kList, "list", "Add link to another container"},
    {'\0', "link-local-ip", Kind::kCommaList, "strings", "Add a link-local address for the container"},
    {'\0', "mac-address", Kind::kString, "string", "MAC address of the container's interface"},
};
constexpr Flag kDisconnectFlags[] = {
    {'f', "force", Kind::kBool, "", "Force the container to disconnect from a network"}};
constexpr Flag kPruneFlags[] = {
    {'\0', "filter", Kind::kFilter, "filter", "Provide filter values (e.g. \"until=<timestamp>\")"},
    {'f', "force", Kind::kBool, "", "Do not prompt for confirmation"},
};
constexpr Column kColumns[] = {
    {"CreatedAt", "CREATED AT"},
    {"Driver", "DRIVER"},
    {"ID", "NETWORK ID"},
    {"IPv4", "IPV4"},
    {"IPv6", "IPV6"},
    {"Internal", "INTERNAL"},
    {"Labels", "LABELS"},
    {"Name", "NAME"},
    {"Scope", "SCOPE"},
};

// The pool whose subnet has the address or range `text` in it.
Result<apitypes::IpamPool*> PoolOf(apitypes::Ipam& ipam, const std::string& text, const char* what) {
  const auto wanted = ParseIpPrefix(text, /*bare=*/true);
  if (!wanted.ok()) return Error(Code::kInvalidArgument, std::string("invalid ") + what + ": " + text);
  for (apitypes::IpamPool& pool : ipam.config) {
    const auto subnet = ParseIpPrefix(pool.subnet);
    if (subnet.ok() && subnet->Contains(wanted->address)) return &pool;
  }
  return Error(Code::kInvalidArgument, std::string("no matching subnet for ") + what + " " + text);
}

// One pool for each --subnet; ranges, gateways and auxiliary addresses belong to the subnet that they are in.
Result<apitypes::Ipam> MakeIpam(const Options& options) {
  apitypes::Ipam ipam;
  ipam.driver = options.Text("ipam-driver", "default");
  ipam.options = PairsToMap(options.List("ipam-opt"));
  const auto& subnets = options.List("subnet");
  if (subnets.size() < options.List("ip-range").size() || subnets.size() < options.List("gateway").size())
    return Error(Code::kInvalidArgument, "every ip-range or gateway must have a corresponding subnet");
  for (const std::string& subnet : subnets) ipam.config.emplace_back().subnet = subnet;
  for (const std::string& range : options.List("ip-range")) {
    apitypes::IpamPool* pool = TRY(PoolOf(ipam, range, "range"));
    if (!pool->ip_range.empty())
      return Error(Code::kInvalidArgument, "cannot configure multiple ranges (" + range + ", " + pool->ip_range +
                                               ") on the same subnet (" + pool->subnet + ")");
    pool->ip_range = range;
  }
  for (const std::string& gateway : options.List("gateway")) {
    apitypes::IpamPool* pool = TRY(PoolOf(ipam, gateway, "gateway"));
    if (!pool->gateway.empty())
      return Error(Code::kInvalidArgument, "cannot configure multiple gateways (" + gateway + ", " + pool->gateway +
                                               ") for the same subnet (" + pool->subnet + ")");
    pool->gateway = gateway;
  }
  for (const auto& [name, address] : PairsToMap(options.List("aux-address"))) {
    apitypes::IpamPool* pool = TRY(PoolOf(ipam, address, "aux-address"));
    pool->aux_addresses[name] = address;
  }
  return ipam;
}

Result<int> RunCreate(App& app, const Options& options) {
  apitypes::NetworkCreate create;
  create.name = options.arg(0);
  create.driver = options.Text("driver", "bridge");
  create.attachable = options.On("attachable");
  create.internal = options.On("internal");
  if (options.Has("ipv4")) create.enable_ipv4 = options.On("ipv4");
  if (options.Has("ipv6")) create.enable_ipv6 = options.On("ipv6");
  create.ipam = TRY(MakeIpam(options));
  create.options = PairsToMap(options.List("opt"));
  create.labels = PairsToMap(options.List("label"));
  Api* engine = TRY(app.Engine());
  const Json made = TRY(engine->Post("/networks/create", {}, create.ToJson()));
  if (const std::string warning = made.GetString("Warning"); !warning.empty())
    PrintError("WARNING: " + warning);
  PrintLine(made.GetString("Id"));
  return 0;
}

Json MakeRow(const Json& network, bool truncate) {
  const std::string id = network.GetString("Id");
  const auto flag = [&](std::string_view name) { return network.GetBool(name) ? "true" : "false"; };
  std::string created = network.GetString("Created");
  if (const auto time = ParseRfc3339(created); time.ok()) created = GoTime(*time);
  Json row = Json::MakeObject({{"CreatedAt", created},
                               {"Driver", network.GetString("Driver")},
                               {"ID", truncate ? id.substr(0, 12) : id},
                               {"IPv4", network.Find("EnableIPv4") != nullptr ? flag("EnableIPv4") : "true"},
                               {"IPv6", flag("EnableIPv6")},
                               {"Internal", flag("Internal")},
                               {"Labels", JoinedLabels(network)},
                               {"Name", network.GetString("Name")},
                               {"Scope", network.GetString("Scope")}});
  if (const Json* map = network.Find("Labels")) row.Set("labels", *map);
  return row;
}

Result<int> RunLs(App& app, const Options& options) {
  const List list{.path = "/networks",
                  .style = {"{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}", kColumns,
                            "*formatter.networkContext", "Label", "labels"},
                  .by_name = true};
  const auto add = [truncate = !options.On("no-trunc")](const Json& network, std::vector<Json>* rows) {
    rows->push_back(MakeRow(network, truncate));
  };
  return RunList(app, options, list, {}, options.List("filter"), add);
}

std::string NetworkPath(const std::string& name) { return "/networks/" + http::PercentEncode(name); }

Result<int> RunRm(App& app, const Options& options) {
  Api* engine = TRY(app.Engine());
  return ForEachArg(
      engine, options,
      [](Api* api, const std::string& name) -> Status {
        TRY(api->Delete(NetworkPath(name)));
        return Ok();
      },
      /*forgive_missing=*/options.On("force"));
}

Result<int> RunConnect(App& app, const Options& options) {
  apitypes::NetworkConnect connect;
  connect.container = options.arg(1);
  apitypes::EndpointSettings endpoint;
  if (options.Has("ip") || options.Has("ip6") || options.Has("link-local-ip")) {
    endpoint.ipam_config =
        apitypes::EndpointIpamConfig{options.Text("ip"), options.Text("ip6"), options.List("link-local-ip")};
  }
  endpoint.links = options.List("link");
  endpoint.mac_address = options.Text("mac-address");
  endpoint.gw_priority = options.Int("gw-priority");
  endpoint.aliases = options.List("alias");
  endpoint.driver_opts = PairsToMap(options.List("driver-opt"));
  connect.endpoint = std::move(endpoint);
  Api* engine = TRY(app.Engine());
  TRY(engine->Post(NetworkPath(options.arg(0)) + "/connect", {}, connect.ToJson()));
  return 0;
}

Result<int> RunDisconnect(App& app, const Options& options) {
  apitypes::NetworkDisconnect disconnect;
  disconnect.container = options.arg(1);
  disconnect.force = options.On("force");
  Api* engine = TRY(app.Engine());
  TRY(engine->Post(NetworkPath(options.arg(0)) + "/disconnect", {}, disconnect.ToJson()));
  return 0;
}

Result<int> RunCheck(App& app, const Options& options) {
  Api* engine = TRY(app.Engine());
  const Json answer = TRY(engine->Post("/estiba/v1" + NetworkPath(options.arg(0)) + "/check"));
  const Json* checks = answer.Find("Checks");
  bool fine = true;
  for (std::size_t i = 0; checks != nullptr && i < checks->size(); ++i) {
    const Json& check = (*checks->IfArray())[i];
    const std::string error = check.GetString("Error");
    fine = fine && error.empty();
    PrintLine(check.GetString("Subject") + ": " + (error.empty() ? "fine" : error));
  }
  return fine ? 0 : 1;
}

Result<int> RunPrune(App& app, const Options& options) {
  if (!MayPrune(options, "all custom networks not used by at least one container.")) return 0;
  Api* engine = TRY(app.Engine());
  TRY(PruneOne(engine, kNetworks, options.List("filter")));
  return 0;
}

}  // namespace

constinit const Command kNetworkCreate{.name = "create",
                                       .usage = "[OPTIONS] NETWORK",
                                       .summary = "Create a network",
                                       .flags = kCreateFlags,
                                       .min_args = 1,
                                       .max_args = 1,
                                       .run = RunCreate};
constinit const Command kNetworkLs{.name = "ls",
                                   .usage = "[OPTIONS]",
                                   .summary = "List networks",
                                   .flags = kLsFlags,
                                   .max_args = 0,
                                   .run = RunLs};
constinit const Command kNetworkRm{.name = "rm",
                                   .usage = "[OPTIONS] NETWORK [NETWORK...]",
                                   .summary = "Remove one or more networks",
                                   .flags = kRmFlags,
                                   .min_args = 1,
                                   .run = RunRm};
constinit const Command kNetworkCheck{
    .name = "check",
    .usage = "NETWORK",
    .summary = "Ask the plugins of a CNI network whether it and its containers are as they should be",
    .flags = {},
    .min_args = 1,
    .max_args = 1,
    .run = RunCheck,
    .details = "STATUS of the network's plugins (and whether they know its version), and CHECK of every running\n"
               "container on it: one line each, `fine` or what the plugin says. The exit code is 1 when something is\n"
               "wrong."};
constinit const Command kNetworkConnect{.name = "connect",
                                        .usage = "[OPTIONS] NETWORK CONTAINER",
                                        .summary = "Connect a container to a network",
                                        .flags = kConnectFlags,
                                        .min_args = 2,
                                        .max_args = 2,
                                        .run = RunConnect};
constinit const Command kNetworkDisconnect{.name = "disconnect",
                                           .usage = "[OPTIONS] NETWORK CONTAINER",
                                           .summary = "Disconnect a container from a network",
                                           .flags = kDisconnectFlags,
                                           .min_args = 2,
                                           .max_args = 2,
                                           .run = RunDisconnect};
constinit const Command kNetworkPrune{.name = "prune",
                                      .usage = "[OPTIONS]",
                                      .summary = "Remove all unused networks",
                                      .flags = kPruneFlags,
                                      .max_args = 0,
                                      .run = RunPrune};

}  // namespace estiba::cli
