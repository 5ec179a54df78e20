#pragma once
// What `net trace` asks of the engine.

#include <string>

#include "client/api.h"
#include "nettrace/trace.h"

namespace estiba::cli {

struct NetFacts {
  nettrace::Facts facts;
  // Names that other containers may find a container by: {name, container, network}.
  struct Name {
    std::string name, container, network;
  };
  std::vector<Name> names;
};
// Running containers, networks and published ports.
Result<NetFacts> AskNetFacts(Api* engine);
// The process that a container's network belongs to; 0 when it does not run.
Result<pid_t> AskProcess(Api* engine, const std::string& container);

}  // namespace estiba::cli
