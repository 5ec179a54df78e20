// Our own paths. GET /estiba/containers/{id}/plan: the plan of a container. POST /estiba/plan?name=: the plan
// of a container that is not made; the body is that of /containers/create. `format` is text (default), json
// or shell. POST /estiba/v1/containers/{id}/healthcheck: probes the container's health now and answers what was found.
// POST /estiba/v1/store/check?repair=1: progress lines, the last an error when something broken is left.
// POST /estiba/v1/system/up: what the host's start was to bring back, [{"Id","Name","Error"}], once all of it was
// tried; "Error" is empty for one that runs. POST /estiba/v1/system/down?t=SECONDS: all containers stopped for the
// host's end. POST /estiba/v1/system/end: the engine ends; containers do not notice. GET /estiba/v1/openapi.json: what
// is served.
#include "call.h"
#include "openapi.h"
#include "progress.h"
#include "router.h"

namespace estiba::api::docker {
namespace {

Result<engine::ExplainFormat> ReadFormat(const Call& call) {
  const std::string& format = call.query("format");
  if (format.empty() || format == "text") return engine::ExplainFormat::kText;
  if (format == "json") return engine::ExplainFormat::kJson;
  if (format == "shell") return engine::ExplainFormat::kShell;
  return Error(Code::kInvalidArgument, "invalid format '" + format + "': expected text, json or shell");
}

void RespondPlan(const Call& call, engine::ExplainFormat format, std::string plan) {
  const char* type =
      format == engine::ExplainFormat::kJson ? "application/json" : "text/plain; charset=utf-8";
  call.exchange->Respond(200, {{"Content-Type", type}}, std::move(plan));
}

Status ExplainContainer(Call& call) {
  const engine::ExplainFormat format = TRY(ReadFormat(call));
  std::string plan = TRY(call.engine->ExplainContainer(call.id(), format));
  RespondPlan(call, format, std::move(plan));
  return Ok();
}

Status ExplainCreate(Call& call) {
  const engine::ExplainFormat format = TRY(ReadFormat(call));
  const codec::Json body = TRY(call.body(/*required=*/true));
  apitypes::ContainerCreate create = TRY(apitypes::ContainerCreate::FromJson(body));
  std::string plan = TRY(call.engine->ExplainCreate(call.query("name"), std::move(create), format));
  RespondPlan(call, format, std::move(plan));
  return Ok();
}

Status RunHealthcheck(Call& call) {
  call.engine->RunHealthcheck(call.id(), [exchange = call.exchange](Result<apitypes::HealthRun> run) {
    if (!run.ok()) return RespondStatus(*exchange, std::move(run).error());
    RespondJson(*exchange, 200, run->ToJson());
  });
  return Ok();
}

Status CheckStore(Call& call) { return call.engine->CheckStore(call.flag("repair"), ProgressTo(call.exchange)); }

Status Describe(Call& call) {
  call.exchange->Respond(200, {{"Content-Type", "application/json"}}, std::string(OpenApi()));
  return Ok();
}

Status SystemUp(Call& call) {
  call.engine->StartWithHost([exchange = call.exchange](Result<std::vector<engine::BootStart>> starts) {
    if (!starts.ok()) return RespondStatus(*exchange, std::move(starts).error());
    codec::Json list = codec::Json::MakeArray();
    for (const engine::BootStart& start : *starts)
      list.Append(codec::Json::MakeObject({{"Id", start.id}, {"Name", start.name}, {"Error", start.error}}));
    RespondJson(*exchange, 200, list);
  });
  return Ok();
}

Status SystemDown(Call& call) {
  engine::StopRequest request;
  request.timeout_seconds = TRY(call.number("t"));
  call.engine->StopWithHost(request, [exchange = call.exchange](const Status& status) {
    RespondStatus(*exchange, status);
  });
  return Ok();
}

Status SystemEnd(Call& call) {
  call.engine->End();
  RespondEmpty(*call.exchange, 204);
  return Ok();
}

}  // namespace

void AddEstibaRoutes(Router* router) {
  router->Add("GET", "/estiba/containers/{id}/plan", ExplainContainer);
  router->Add("POST", "/estiba/plan", ExplainCreate);
  router->Add("POST", "/estiba/v1/containers/{id}/healthcheck", RunHealthcheck);
  router->Add("POST", "/estiba/v1/store/check", CheckStore);
  router->Add("GET", "/estiba/v1/openapi.json", Describe);
  router->Add("POST", "/estiba/v1/system/up", SystemUp);
  router->Add("POST", "/estiba/v1/system/down", SystemDown);
  router->Add("POST", "/estiba/v1/system/end", SystemEnd);
}

}  // namespace estiba::api::docker
