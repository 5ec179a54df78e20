// Ping, version, info, disk usage.
#include "api/docker/api.h"
#include "call.h"
#include "router.h"

namespace estiba::api::docker {
namespace {

Status Ping(Call& call) {
  call.exchange->Respond(200,
                         {{"Builder-Version", "1"},
                          {"Cache-Control", "no-cache, no-store, must-revalidate"},
                          {"Content-Type", "text/plain; charset=utf-8"},
                          {"Pragma", "no-cache"},
                          {"Swarm", "inactive"}},
                         "OK");
  return Ok();
}

Status Version(Call& call) {
  apitypes::Version version = call.engine->GetVersion();
  version.api_version = "1." + std::to_string(kMaxMinor);
  version.min_api_version = "1." + std::to_string(kMinMinor);
  for (apitypes::Component& component : version.components) {
    if (component.name != "Engine") continue;
    component.details["ApiVersion"] = version.api_version;
    component.details["MinAPIVersion"] = version.min_api_version;
    component.details.try_emplace("Experimental", version.experimental ? "true" : "false");
  }
  RespondJson(call, 200, version.ToJson());
  return Ok();
}

Status Info(Call& call) {
  const apitypes::Info info = TRY(call.engine->GetInfo());
  RespondJson(call, 200, ForVersion(call.minor, info));
  return Ok();
}

Status DiskUsage(Call& call) {
  std::set<std::string> types;
  const auto asked = call.minor < 42 ? std::vector<std::string>() : call.exchange->query().GetAll("type");
  for (const std::string& type : asked) {
    if (type != "container" && type != "image" && type != "volume" && type != "build-cache")
      return Error(Code::kInvalidArgument, "unknown object type: " + type);
    types.insert(type);
  }
  codec::Json usage = TRY(call.engine->DiskUsage(types));
  RespondJson(call, 200, DiskUsageForVersion(call.minor, std::move(usage), call.flag("verbose")));
  return Ok();
}

}  // namespace

void AddSystemRoutes(Router* router) {
  router->Add("GET", "/_ping", Ping);
  router->Add("HEAD", "/_ping", Ping);
  router->Add("GET", "/version", Version);
  router->Add("GET", "/info", Info);
  router->Add("GET", "/system/df", DiskUsage);
}

}  // namespace estiba::api::docker
