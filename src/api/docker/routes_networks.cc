#include "call.h"
#include "router.h"

namespace estiba::api::docker {
namespace {

Status List(Call& call) {
  const apitypes::Filters filters = TRY(call.filters());
  TRY(filters.Allow({"dangling", "driver", "id", "label", "name", "scope", "type"}));
  const auto networks = TRY(call.engine->ListNetworks(filters));
  RespondJson(call, 200, ListForVersion(call, networks));
  return Ok();
}

Status Inspect(Call& call) {
  const auto network = TRY(call.engine->InspectNetwork(call.id()));
  RespondJson(call, 200, ForVersion(call.minor, network));
  return Ok();
}

Status Create(Call& call) {
  const codec::Json body = TRY(call.body(/*required=*/true));
  auto create = TRY(apitypes::NetworkCreate::FromJson(body));
  AdaptNetworkCreate(call.minor, create);
  const auto created = TRY(call.engine->CreateNetwork(create));
  RespondJson(call, 201, created.ToJson());
  return Ok();
}

Status Connect(Call& call) {
  const codec::Json body = TRY(call.body(/*required=*/true));
  const auto connect = TRY(apitypes::NetworkConnect::FromJson(body));
  TRY(call.engine->ConnectNetwork(call.id(), connect));
  RespondEmpty(*call.exchange, 200);
  return Ok();
}

Status Disconnect(Call& call) {
  const codec::Json body = TRY(call.body(/*required=*/true));
  const auto disconnect = TRY(apitypes::NetworkDisconnect::FromJson(body));
  TRY(call.engine->DisconnectNetwork(call.id(), disconnect));
  RespondEmpty(*call.exchange, 200);
  return Ok();
}

Status Remove(Call& call) {
  TRY(call.engine->RemoveNetwork(call.id()));
  RespondEmpty(*call.exchange, 204);
  return Ok();
}

Status Prune(Call& call) {
  const apitypes::Filters filters = TRY(call.filters());
  TRY(filters.Allow({"label", "label!", "until"}));
  const auto report = TRY(call.engine->PruneNetworks(filters));
  RespondJson(call, 200, codec::Json::MakeObject({{"NetworksDeleted", report.deleted}}));
  return Ok();
}

// Ours: published ports of a container, changed while it runs. POST /estiba/v1/containers/{id}/ports?port=8080:80/tcp
// (any number of them) answers {"Ports": what a running container got, as in NetworkSettings}; DELETE takes them back.
Result<std::vector<std::string>> PortsAskedFor(const Call& call) {
  std::vector<std::string> ports = call.exchange->query().GetAll("port");
  if (ports.empty()) return Error(Code::kInvalidArgument, "missing parameter 'port'");
  return ports;
}

Status AddPorts(Call& call) {
  const auto asked = TRY(PortsAskedFor(call));
  const apitypes::PortMap ports = TRY(call.engine->AddPorts(call.id(), asked));
  codec::Json shown = codec::Json::MakeObject();
  for (const auto& [port, bindings] : ports) {
    codec::Json list = codec::Json::MakeArray();
    for (const apitypes::PortBinding& one : bindings)
      list.Append(codec::Json::MakeObject({{"HostIp", one.host_ip}, {"HostPort", one.host_port}}));
    shown.Set(port, std::move(list));
  }
  codec::Json answer = codec::Json::MakeObject();
  answer.Set("Ports", std::move(shown));
  RespondJson(call, 200, answer);
  return Ok();
}

Status RemovePorts(Call& call) {
  const auto asked = TRY(PortsAskedFor(call));
  TRY(call.engine->RemovePorts(call.id(), asked));
  RespondEmpty(*call.exchange, 204);
  return Ok();
}

// Ours: {"Checks": [{"Subject": "container web", "Error": what is wrong, or nothing}…]}.
Status Check(Call& call) {
  codec::Json list = codec::Json::MakeArray();
  for (const auto& [subject, error] : TRY(call.engine->CheckNetwork(call.id())))
    list.Append(codec::Json::MakeObject({{"Subject", subject}, {"Error", error}}));
  codec::Json answer = codec::Json::MakeObject();
  answer.Set("Checks", std::move(list));
  RespondJson(call, 200, answer);
  return Ok();
}

}  // namespace

void AddNetworkRoutes(Router* router) {
  router->Add("GET", "/networks", List);
  router->Add("GET", "/networks/{id}", Inspect);
  router->Add("POST", "/networks/create", Create);
  router->Add("POST", "/networks/prune", Prune);
  router->Add("POST", "/networks/{id}/connect", Connect);
  router->Add("POST", "/networks/{id}/disconnect", Disconnect);
  router->Add("DELETE", "/networks/{id}", Remove);
  router->Add("POST", "/estiba/v1/networks/{id}/check", Check);
  router->Add("POST", "/estiba/v1/containers/{id}/ports", AddPorts);
  router->Add("DELETE", "/estiba/v1/containers/{id}/ports", RemovePorts);
}

}  // namespace estiba::api::docker
