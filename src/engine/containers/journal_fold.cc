#include "journal_fold.h"

#include "monitorapi/health.h"

namespace estiba::engine {
namespace {

using monitorapi::Record;
using monitorapi::RecordType;

void ApplyStart(const Record& record, ContainerState& state) {
  state.phase = Phase::kRunning;
  state.pid = record.pid;
  state.start_time = record.start_time;
  state.started_at = record.time;
  state.restart_count = record.count;
  state.exit_code = 0;
  state.oom_killed = false;
  state.error.clear();
}

void ApplyExit(const Record& record, ContainerState& state) {
  state.phase = Phase::kExited;
  state.pid = 0;
  state.exit_code = record.code;
  state.oom_killed = record.oom;
  state.error = record.text;
  state.finished_at = record.time;
  if (!state.health.empty()) state.health = monitorapi::kHealthUnhealthy;  // docker's word when probes have ended
}

void ApplyFailedStart(const Record& record, ContainerState& state) {
  // One that has never run stays "created", as docker shows it.
  state.phase = state.started_at == 0 ? Phase::kCreated : Phase::kExited;
  state.pid = 0;
  state.exit_code = record.code;
  state.error = record.text;
  state.finished_at = record.time;
}

void Apply(const Record& record, ContainerState& state, FoldedRecords& folded) {
  switch (record.type) {
    case RecordType::kStarted:
      ApplyStart(record, state);
      folded.started = true;
      break;
    case RecordType::kExited:
      ApplyExit(record, state);
      folded.exited = true;
      break;
    case RecordType::kStartFailed:
      ApplyFailedStart(record, state);
      folded.exited = true;
      break;
    case RecordType::kRestarting:
      state.phase = Phase::kRestarting;
      state.restart_count = record.count;
      break;
    case RecordType::kPaused:
      if (state.phase == Phase::kRunning) state.phase = Phase::kPaused;
      break;
    case RecordType::kUnpaused:
      if (state.phase == Phase::kPaused) state.phase = Phase::kRunning;
      break;
    case RecordType::kFinished:
      state.pid = 0;
      if (state.Running()) state.phase = Phase::kExited;
      if (state.phase == Phase::kStarting) state.phase = state.started_at == 0 ? Phase::kCreated : Phase::kExited;
      break;
    case RecordType::kExecExited:
      folded.execs.push_back({record.text, record.code, record.time});
      break;
    case RecordType::kOom:
      state.oom_killed = true;
      break;
    case RecordType::kHealth:
      state.health = record.text;
      break;
    case RecordType::kLaunched: case RecordType::kCreated: case RecordType::kRotated: case RecordType::kStopping: break;
  }
}

}  // namespace

FoldedRecords FoldRecords(const std::vector<Record>& records, bool until_start, ContainerState& state) {
  FoldedRecords folded;
  for (const Record& record : records) {
    if (record.seq <= state.journal_seq) continue;
    if (until_start && (record.type == RecordType::kExited || record.type == RecordType::kFinished)) break;
    Apply(record, state, folded);
    state.journal_seq = record.seq;
  }
  folded.finished = !records.empty() && records.back().type == RecordType::kFinished;
  return folded;
}

void EndUntold(std::int64_t now_ns, ContainerState& state) {
  const bool ran = state.Running();
  if (!ran && state.phase != Phase::kStarting) return;
  state.phase = state.started_at == 0 ? Phase::kCreated : Phase::kExited;
  if (!ran) return;  // what is known of the run before stays
  state.exit_code = 137;
  state.error = "monitor died";
  if (!state.health.empty()) state.health = monitorapi::kHealthUnhealthy;
  state.finished_at = now_ns;
}

}  // namespace estiba::engine
