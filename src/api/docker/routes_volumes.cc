#include "call.h"
#include "progress.h"
#include "router.h"
#include "streams.h"

namespace estiba::api::docker {
namespace {

Status List(Call& call) {
  const apitypes::Filters filters = TRY(call.filters());
  TRY(filters.Allow({"dangling", "driver", "label", "name"}));
  const auto volumes = TRY(call.engine->ListVolumes(filters));
  RespondJson(call, 200, volumes.ToJson());
  return Ok();
}

Status Inspect(Call& call) {
  const auto volume = TRY(call.engine->InspectVolume(call.id()));
  RespondJson(call, 200, volume.ToJson());
  return Ok();
}

Status Create(Call& call) {
  const codec::Json body = TRY(call.body(/*required=*/false));
  const auto create = TRY(apitypes::VolumeCreate::FromJson(body));
  const auto volume = TRY(call.engine->CreateVolume(create));
  RespondJson(call, 201, volume.ToJson());
  return Ok();
}

Status Remove(Call& call) {
  TRY(call.engine->RemoveVolume(call.id(), call.flag("force")));
  RespondEmpty(*call.exchange, 204);
  return Ok();
}

// Since API 1.42 only anonymous volumes go, unless "all" says otherwise; before, all of them went.
Status Prune(Call& call) {
  apitypes::Filters filters = TRY(call.filters());
  TRY(filters.Allow({"all", "label", "label!"}));
  if (call.minor < 42 && !filters.Has("all")) filters.Add("all", "true");
  const auto report = TRY(call.engine->PruneVolumes(filters));
  RespondJson(call, 200,
              codec::Json::MakeObject(
                  {{"VolumesDeleted", report.deleted}, {"SpaceReclaimed", report.space_reclaimed}}));
  return Ok();
}

// Ours.
Status Rename(Call& call) {
  TRY(call.engine->RenameVolume(call.id(), call.query("name")));
  RespondEmpty(*call.exchange, 204);
  return Ok();
}

Status Snapshot(Call& call) {
  const auto volume = TRY(call.engine->SnapshotVolume(call.id(), call.query("name")));
  RespondJson(call, 201, volume.ToJson());
  return Ok();
}

Status Export(Call& call) {
  return SendStream(call, TRY(call.engine->ExportVolume(call.id())), "application/x-tar");
}

Status Import(Call& call) {
  const engine::Token token =
      TRY(call.engine->ImportVolume(call.id(), call.exchange->TakeBody(), ProgressTo(call.exchange)));
  CancelWhenCut(call, token);
  return Ok();
}

}  // namespace

void AddVolumeRoutes(Router* router) {
  router->Add("GET", "/volumes", List);
  router->Add("GET", "/volumes/{id}", Inspect);
  router->Add("POST", "/volumes/create", Create);
  router->Add("POST", "/volumes/prune", Prune);
  router->Add("DELETE", "/volumes/{id}", Remove);
  router->Add("POST", "/estiba/v1/volumes/{id}/rename", Rename);
  router->Add("POST", "/estiba/v1/volumes/{id}/snapshot", Snapshot);
  router->Add("GET", "/estiba/v1/volumes/{id}/export", Export);
  router->Add("POST", "/estiba/v1/volumes/{id}/import", Import);
}

}  // namespace estiba::api::docker
