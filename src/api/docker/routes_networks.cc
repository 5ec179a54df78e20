#include "call.h"
#include "router.h"

namespace estiba::api::docker {
namespace {

Status List(Call& call) {
  const apitypes::Filters filters = TRY(call.filters());
  TRY(filters.Allow({"dangling", "driver", "id", "label", "name", "scope", "type"}));
  const auto networks = TRY(call.engine->ListNetworks(filters));
  RespondJson(call, 200, JsonList(networks));
  return Ok();
}

Status Inspect(Call& call) {
  const auto network = TRY(call.engine->InspectNetwork(call.id()));
  RespondJson(call, 200, network.ToJson());
  return Ok();
}

Status Create(Call& call) {
  const codec::Json body = TRY(call.body(/*required=*/true));
  const auto create = TRY(apitypes::NetworkCreate::FromJson(body));
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

}  // namespace

void AddNetworkRoutes(Router* router) {
  router->Add("GET", "/networks", List);
  router->Add("GET", "/networks/{id}", Inspect);
  router->Add("POST", "/networks/create", Create);
  router->Add("POST", "/networks/prune", Prune);
  router->Add("POST", "/networks/{id}/connect", Connect);
  router->Add("POST", "/networks/{id}/disconnect", Disconnect);
  router->Add("DELETE", "/networks/{id}", Remove);
}

}  // namespace estiba::api::docker
