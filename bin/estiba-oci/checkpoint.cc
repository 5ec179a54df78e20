// checkpoint, restore: their options are known so that callers get one clear answer.

#include "commands.h"
#include "state_dir.h"

namespace estiba::ocicli {
namespace {

Error NotYet(const char* what) {
  return Error(Code::kNotImplemented, std::string(what) + " is not supported: it needs CRIU, which is not used yet")
      .Hint("stop the container, or keep it running");
}

}  // namespace

Result<int> CheckpointCommand(const Context& context) {
  const StateDir dir = TRY(StateDir::Open(context.globals.root, context.flags.rest().front()));
  const Snapshot now = TRY(Look(dir));
  if (now.status != "running" && now.status != "paused")
    return Error(Code::kFailedPrecondition, "container cannot be checkpointed in " + now.status + " state");
  return NotYet("checkpoint");
}

Result<int> RestoreCommand(const Context& context) {
  TRY(CheckId(context.flags.rest().front()));
  return NotYet("restore");
}

}  // namespace estiba::ocicli
