// What Docker serves and we do not (yet): answered so that clients know why.
#include "apitypes/system.h"
#include "call.h"
#include "router.h"

namespace estiba::api::docker {
namespace {

Status NoSwarm(Call&) {
  return Error(
      Code::kUnavailable,
      "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this "
      "node to swarm and try again.");
}
Status NoPlugins(Call& call) {
  RespondJson(call, 200, codec::Json::MakeArray());
  return Ok();
}
Status NoManagedPlugins(Call&) { return Error(Code::kNotImplemented, "managed plugins are not supported"); }
Status NoCheckpoints(Call&) { return Error(Code::kNotImplemented, "checkpoints are not supported"); }
// `docker system prune` asks for it, too.
Status NoBuildCache(Call& call) {
  RespondJson(call, 200, codec::Json::MakeObject({{"CachesDeleted", codec::Json::MakeArray()}, {"SpaceReclaimed", 0}}));
  return Ok();
}
Status NoBuild(Call&) { return Error(Code::kNotImplemented, "building images is not supported"); }

void RefuseAll(Router* router, std::initializer_list<const char*> patterns, Route route) {
  for (const char* pattern : patterns) {
    for (const char* method : {"GET", "POST", "PUT", "DELETE"}) router->Add(method, pattern, route);
  }
}

}  // namespace

void AddRefusedRoutes(Router* router) {
  RefuseAll(router,
            {"/swarm", "/swarm/{x*}", "/nodes", "/nodes/{x*}", "/services", "/services/{x*}", "/tasks",
             "/tasks/{x*}", "/secrets", "/secrets/{x*}", "/configs", "/configs/{x*}"},
            NoSwarm);
  router->Add("PUT", "/volumes/{id}", NoSwarm);
  router->Add("GET", "/plugins", NoPlugins);
  RefuseAll(router, {"/plugins/{x*}"}, NoManagedPlugins);
  RefuseAll(router, {"/containers/{id}/checkpoints", "/containers/{id}/checkpoints/{x}"}, NoCheckpoints);
  for (const char* path : {"/build", "/build/cancel", "/session", "/grpc"}) {
    router->Add("POST", path, NoBuild);
  }
  router->Add("POST", "/build/prune", NoBuildCache);
}

}  // namespace estiba::api::docker
