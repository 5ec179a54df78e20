#pragma once
// What a monitor's journal says, applied to a container's state. Pure; applying a record twice changes nothing.

#include <cstdint>
#include <string>
#include <vector>

#include "monitorapi/journal.h"
#include "record.h"

namespace estiba::engine {

struct FoldedRecords {
  bool started = false;   // a start was among them
  bool exited = false;    // an exit, or a start that failed
  bool finished = false;  // the last record of all says that nothing is left on the host
  struct ExecExit {
    std::string id;
    std::int32_t code = 0;
    std::int64_t time = 0;
  };
  std::vector<ExecExit> execs;
};

// Records up to state.journal_seq are known already. With `until_start` it ends before an exit.
FoldedRecords FoldRecords(const std::vector<monitorapi::Record>& records, bool until_start, ContainerState& state);

// For a state that goes on by its last word where nobody is left: a run whose end no record tells (the host lost power,
// or the journal is gone) has ended by now, with 137; a start that reached no monitor has never been.
void EndUntold(std::int64_t now_ns, ContainerState& state);

}  // namespace estiba::engine
