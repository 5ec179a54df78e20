// Containers, but for what streams (routes_streams.cc).
#include <algorithm>
#include <iterator>

#include "base/parse.h"
#include "call.h"
#include "router.h"
#include "streams.h"

namespace estiba::api::docker {
namespace {

Status List(Call& call) {
  engine::ListRequest request;
  request.all = call.flag("all");
  request.size = call.flag("size");
  const auto limit = TRY(call.number("limit"));
  request.limit = limit.value_or(0);
  request.filters = TRY(call.filters());
  TRY(request.filters.Allow({"ancestor", "before", "exited", "expose", "health", "id", "is-task", "isolation",
                             "label", "name", "network", "publish", "since", "status", "volume"}));
  const auto containers = TRY(call.engine->ListContainers(request));
  RespondJson(call, 200, ListForVersion(call, containers));
  return Ok();
}

Status Create(Call& call) {
  const codec::Json body = TRY(call.body(/*required=*/true));
  apitypes::ContainerCreate create = TRY(apitypes::ContainerCreate::FromJson(body));
  std::vector<std::string> warnings = TRY(AdaptCreate(call.minor, create));
  const std::string platform = call.minor < 41 ? "" : call.query("platform");
  auto created = TRY(call.engine->CreateContainer(call.query("name"), platform, std::move(create)));
  std::ranges::move(warnings, std::back_inserter(created.warnings));
  RespondJson(call, 201, created.ToJson());
  return Ok();
}

Status Inspect(Call& call) {
  const auto inspect = TRY(call.engine->InspectContainer(call.id(), call.flag("size")));
  RespondJson(call, 200, ForVersion(call.minor, inspect));
  return Ok();
}

Status Start(Call& call) {
  // The length of what some clients send for "no body": "null", "{}" and a line end.
  if (call.exchange->body().size() > 7) {
    return Error(
        Code::kInvalidArgument,
        "starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24");
  }
  if (!call.query("checkpoint").empty()) return Error(Code::kNotImplemented, "checkpoints are not supported");
  TRY(call.engine->StartContainer(call.id(), call.query("detachKeys")));
  RespondEmpty(*call.exchange, 204);
  return Ok();
}

Result<engine::StopRequest> ReadStop(const Call& call) {
  engine::StopRequest request;
  request.timeout_seconds = TRY(call.number("t"));
  if (call.minor >= 42) request.signal = call.query("signal");
  return request;
}

Status Stop(Call& call) {
  const engine::StopRequest request = TRY(ReadStop(call));
  call.engine->StopContainer(call.id(), request, [exchange = call.exchange](const Status& status) {
    RespondStatus(*exchange, status);
  });
  return Ok();
}

Status Restart(Call& call) {
  const engine::StopRequest request = TRY(ReadStop(call));
  call.engine->RestartContainer(call.id(), request, [exchange = call.exchange](const Status& status) {
    RespondStatus(*exchange, status);
  });
  return Ok();
}

Status Kill(Call& call) {
  const std::string& signal = call.query("signal");
  TRY(call.engine->KillContainer(call.id(), signal.empty() ? "SIGKILL" : signal));
  RespondEmpty(*call.exchange, 204);
  return Ok();
}

Status Pause(Call& call) {
  TRY(call.engine->PauseContainer(call.id()));
  RespondEmpty(*call.exchange, 204);
  return Ok();
}

Status Unpause(Call& call) {
  TRY(call.engine->UnpauseContainer(call.id()));
  RespondEmpty(*call.exchange, 204);
  return Ok();
}

Status Remove(Call& call) {
  if (call.flag("link")) {
    TRY(call.engine->RemoveLink(call.id()));
    RespondEmpty(*call.exchange, 204);
    return Ok();
  }
  const engine::RemoveRequest request{.force = call.flag("force"), .volumes = call.flag("v")};
  call.engine->RemoveContainer(call.id(), request, [exchange = call.exchange](const Status& status) {
    RespondStatus(*exchange, status);
  });
  return Ok();
}

Status Rename(Call& call) {
  TRY(call.engine->RenameContainer(call.id(), call.query("name")));
  RespondEmpty(*call.exchange, 204);
  return Ok();
}

Status Update(Call& call) {
  const codec::Json body = TRY(call.body(/*required=*/true));
  auto update = TRY(apitypes::ContainerUpdate::FromJson(body));
  AdaptUpdate(call.minor, update);
  const auto warnings = TRY(call.engine->UpdateContainer(call.id(), update));
  RespondJson(call, 200, codec::Json::MakeObject({{"Warnings", warnings}}));
  return Ok();
}

Result<std::uint16_t> ReadSize(const Call& call, std::string_view name) {
  const auto value = ParseUint(call.query(name), UINT16_MAX);
  if (value.ok()) return static_cast<std::uint16_t>(*value);
  return Error(Code::kInvalidArgument, "invalid resize " + std::string(name == "h" ? "height" : "width") +
                                           " '" + call.query(name) + "'");
}

Status Resize(Call& call) {
  const std::uint16_t rows = TRY(ReadSize(call, "h"));
  const std::uint16_t columns = TRY(ReadSize(call, "w"));
  TRY(call.engine->ResizeContainer(call.id(), rows, columns));
  RespondEmpty(*call.exchange, 200);
  return Ok();
}

Status Top(Call& call) {
  const auto top = TRY(call.engine->TopContainer(call.id(), call.query("ps_args")));
  RespondJson(call, 200, top.ToJson());
  return Ok();
}

Status Changes(Call& call) {
  return SendStream(call, TRY(call.engine->ContainerChanges(call.id())), "application/json");
}

Status Export(Call& call) {
  return SendStream(call, TRY(call.engine->ExportContainer(call.id())), "application/octet-stream");
}

Status Commit(Call& call) {
  engine::CommitRequest request;
  request.container = call.query("container");
  if (request.container.empty()) return Error(Code::kInvalidArgument, "missing parameter 'container'");
  request.repository = call.query("repo");
  request.tag = call.query("tag");
  request.comment = call.query("comment");
  request.author = call.query("author");
  request.pause = !call.has("pause") || call.query("pause").empty() || call.flag("pause");
  request.changes = call.exchange->query().GetAll("changes");
  const codec::Json body = TRY(call.body(/*required=*/false));
  if (body.IsObject() && !body.empty()) request.config = TRY(apitypes::ContainerConfig::FromJson(body));
  return call.engine->CommitContainer(request, [exchange = call.exchange](Result<std::string> id) {
    if (!id.ok()) return RespondError(*exchange, id.error());
    RespondJson(*exchange, 201, codec::Json::MakeObject({{"Id", *id}}));
  });
}

Status Prune(Call& call) {
  const apitypes::Filters filters = TRY(call.filters());
  TRY(filters.Allow({"label", "label!", "until"}));
  const auto report = TRY(call.engine->PruneContainers(filters));
  RespondJson(call, 200,
              codec::Json::MakeObject(
                  {{"ContainersDeleted", report.deleted}, {"SpaceReclaimed", report.space_reclaimed}}));
  return Ok();
}

}  // namespace

void AddContainerRoutes(Router* router) {
  router->Add("GET", "/containers/json", List);
  router->Add("POST", "/containers/create", Create);
  router->Add("POST", "/containers/prune", Prune);
  router->Add("GET", "/containers/{id}/json", Inspect);
  router->Add("POST", "/containers/{id}/start", Start);
  router->Add("POST", "/containers/{id}/stop", Stop);
  router->Add("POST", "/containers/{id}/restart", Restart);
  router->Add("POST", "/containers/{id}/kill", Kill);
  router->Add("POST", "/containers/{id}/pause", Pause);
  router->Add("POST", "/containers/{id}/unpause", Unpause);
  router->Add("POST", "/containers/{id}/rename", Rename);
  router->Add("POST", "/containers/{id}/update", Update);
  router->Add("POST", "/containers/{id}/resize", Resize);
  router->Add("GET", "/containers/{id}/top", Top);
  router->Add("GET", "/containers/{id}/changes", Changes);
  router->Add("GET", "/containers/{id}/export", Export);
  router->Add("POST", "/commit", Commit);
  router->Add("DELETE", "/containers/{id*}", Remove);
}

}  // namespace estiba::api::docker
