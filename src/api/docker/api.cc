#include "api/docker/api.h"

#include "apitypes/system.h"
#include "call.h"
#include "router.h"

namespace estiba::api::docker {
namespace {

// Bodies of any size: archives. Everything else is JSON and limited.
http::BodyMode ModeOf(const http::RequestHead& head) {
  const auto split = SplitVersion(head.path);
  if (!split.ok()) return http::BodyMode::kBuffer;
  const std::string& path = split->path;
  const bool archive =
      (head.method == "POST" && (path == "/images/load" || path == "/build" ||
                                 (path == "/images/create" && head.query.Has("fromSrc")) ||
                                 (path.starts_with("/estiba/v1/volumes/") && path.ends_with("/import")))) ||
      (head.method == "PUT" && path.starts_with("/containers/") && path.ends_with("/archive"));
  return archive ? http::BodyMode::kPipe : http::BodyMode::kBuffer;
}

// Clients that old print what they get as it is.
void RefuseOldVersion(http::Exchange& exchange, const std::string& message) {
  exchange.Respond(400, {{"Content-Type", "text/plain; charset=utf-8"}, {"X-Content-Type-Options", "nosniff"}},
                   message + "\n");
}

// "/containers//web/json", as clients make it of a name that begins with a slash, as lists show names.
std::string WithoutNamesSlash(std::string path) {
  constexpr std::string_view kContainers = "/containers/";
  if (path.starts_with(kContainers) && path[kContainers.size()] == '/') path.erase(kContainers.size(), 1);
  return path;
}

void Serve(const Router& router, engine::Engine* engine, const ExchangePtr& exchange) {
  auto split = SplitVersion(exchange->path());
  if (!split.ok() && split.error().code() == Code::kOutOfRange)
    return RefuseOldVersion(*exchange, split.error().Message());
  if (!split.ok()) return RespondError(*exchange, split.error());
  auto match = router.Find(exchange->method(), WithoutNamesSlash(std::move(split->path)));
  if (!match.has_value()) {
    return exchange->Respond(404, {{"Content-Type", "application/json"}},
                             apitypes::ErrorBody("page not found"));
  }
  Call call{exchange, engine, split->minor.value_or(kMaxMinor), std::move(match->path)};
  const Status status = match->route(call);
  // Once a stream has begun or the connection is handed over, the route has told the client itself.
  if (!status.ok() && !exchange->answered()) RespondError(*exchange, status.error());
}

}  // namespace

std::shared_ptr<const Router> AllRoutes() {
  auto router = std::make_shared<Router>();
  AddSystemRoutes(router.get());
  AddContainerRoutes(router.get());
  AddArchiveRoutes(router.get());
  AddStreamRoutes(router.get());
  AddWebSocketRoutes(router.get());
  AddExecRoutes(router.get());
  AddImageRoutes(router.get());
  AddRegistryRoutes(router.get());
  AddNetworkRoutes(router.get());
  AddVolumeRoutes(router.get());
  AddEstibaRoutes(router.get());
  AddRefusedRoutes(router.get());
  return router;
}

http::ServerOptions ServerOptions(const std::string& version) {
  http::ServerOptions options;
  options.fields = {{"Api-Version", "1." + std::to_string(kMaxMinor)},
                    {"Docker-Experimental", "false"},
                    {"Ostype", "linux"},
                    {"Server", "Estiba/" + version + " (linux)"}};
  options.body_mode = ModeOf;
  return options;
}

http::Handler MakeHandler(engine::Engine* engine) {
  return [engine, router = AllRoutes()](const ExchangePtr& exchange) { Serve(*router, engine, exchange); };
}

}  // namespace estiba::api::docker
