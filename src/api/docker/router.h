#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace estiba::api::docker {

struct Call;
// Answers, keeps the exchange for later, or returns the error to answer with.
using Route = Status (*)(Call& call);

// Method and path pattern to route. In a pattern "{id}" stands for one segment and "{id*}" for one or more
// (names of images hold slashes).
class Router {
 public:
  void Add(std::string_view method, std::string_view pattern, Route route);

  struct Match {
    Route route;
    std::map<std::string, std::string> path;
  };
  std::optional<Match> Find(std::string_view method, std::string_view path) const;
  // Methods and patterns, in the order they were added.
  std::vector<std::pair<std::string, std::string>> Routes() const;

 private:
  struct Entry {
    std::string method;
    std::vector<std::string> segments;
    Route route;
  };
  std::vector<Entry> entries_;
};

// "/v1.41/info" → {"/info", 41}; without a version `minor` is unset.
struct VersionedPath {
  std::string path;
  std::optional<int> minor;
};
// kOutOfRange when the version is older than what we serve, kInvalidArgument when it is newer, with Docker's words.
Result<VersionedPath> SplitVersion(const std::string& path);

// Everything that is served.
std::shared_ptr<const Router> AllRoutes();

void AddContainerRoutes(Router* router);
void AddArchiveRoutes(Router* router);
void AddStreamRoutes(Router* router);
void AddWebSocketRoutes(Router* router);
void AddExecRoutes(Router* router);
void AddImageRoutes(Router* router);
void AddRegistryRoutes(Router* router);
void AddNetworkRoutes(Router* router);
void AddVolumeRoutes(Router* router);
void AddSystemRoutes(Router* router);
void AddEstibaRoutes(Router* router);
void AddRefusedRoutes(Router* router);

}  // namespace estiba::api::docker
