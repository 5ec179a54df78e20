#include "base/parse.h"
#include "router.h"
#include "streams.h"

namespace estiba::api::docker {
namespace {

Status Create(Call& call) {
  const codec::Json body = TRY(call.body(/*required=*/true));
  apitypes::ExecCreate create = TRY(apitypes::ExecCreate::FromJson(body));
  if (create.cmd.empty()) return Error(Code::kInvalidArgument, "No exec command specified");
  if (call.minor < 42) create.console_size.clear();
  std::string id = TRY(call.engine->CreateExec(call.id(), create));
  RespondJson(call, 201, codec::Json::MakeObject({{"Id", std::move(id)}}));
  return Ok();
}

Status Start(Call& call) {
  const codec::Json body = TRY(call.body(/*required=*/false));
  apitypes::ExecStart start = TRY(apitypes::ExecStart::FromJson(body));
  if (call.minor < 42) start.console_size.clear();
  TRY(call.engine->StartExec(call.id(), start, Taker(call)));
  if (start.detach) RespondEmpty(*call.exchange, 200);
  return Ok();
}

Status Inspect(Call& call) {
  const auto inspect = TRY(call.engine->InspectExec(call.id()));
  RespondJson(call, 200, inspect.ToJson());
  return Ok();
}

Status Resize(Call& call) {
  const auto rows = ParseUint(call.query("h"), UINT16_MAX);
  const auto columns = ParseUint(call.query("w"), UINT16_MAX);
  if (!rows.ok() || !columns.ok()) {
    return Error(Code::kInvalidArgument,
                 "invalid resize height '" + call.query("h") + "' or width '" + call.query("w") + "'");
  }
  TRY(call.engine->ResizeExec(call.id(), static_cast<std::uint16_t>(*rows),
                              static_cast<std::uint16_t>(*columns)));
  RespondEmpty(*call.exchange, 200);
  return Ok();
}

}  // namespace

void AddExecRoutes(Router* router) {
  router->Add("POST", "/containers/{id}/exec", Create);
  router->Add("POST", "/exec/{id}/start", Start);
  router->Add("POST", "/exec/{id}/resize", Resize);
  router->Add("GET", "/exec/{id}/json", Inspect);
}

}  // namespace estiba::api::docker
