#include "recover.h"

#include <chrono>
#include <csignal>

#include "journal_writer.h"
#include "os/event.h"
#include "os/file.h"
#include "os/process.h"

namespace estiba::monitor {

using monitorapi::Record;
using monitorapi::RecordType;

namespace {

constexpr int kKilled = 128 + SIGKILL;

// What the journal says of the last run.
struct LastRun {
  bool open = false;     // no exit recorded that it stayed with
  bool finished = true;  // nothing is left on the host
  pid_t pid = 0;         // PID 1, when it was made and its exit was not recorded
  unsigned long long start_time = 0;
};

LastRun Fold(const std::vector<Record>& records) {
  LastRun last;
  for (const Record& record : records) {
    switch (record.type) {
      case RecordType::kLaunched: last = {.open = true, .finished = false, .pid = 0, .start_time = 0}; break;
      case RecordType::kCreated:
      case RecordType::kStarted:
        last.open = true;
        last.pid = record.pid;
        last.start_time = record.start_time;
        break;
      case RecordType::kExited:
      case RecordType::kStartFailed:
        last.open = false;
        last.pid = 0;
        break;
      case RecordType::kRestarting: last.open = true; break;
      case RecordType::kFinished: last.finished = true; break;
      default: break;
    }
  }
  return last;
}

// By pid and start time: whatever uid it has by now, and never somebody else who got its number.
Status KillProcess(pid_t pid, unsigned long long start_time) {
  const auto process = os::OpenProcess(pid, start_time);
  if (!process.ok()) return Ok();  // gone
  TRY(os::SendSignal(process->get(), SIGKILL));
  constexpr std::chrono::seconds kPatience{10};
  const bool gone = TRY(os::WaitReadable(process->get(), kPatience));
  if (gone) return Ok();
  return Error(Code::kDeadlineExceeded, "wait for process " + std::to_string(pid) + " to end");
}

}  // namespace

Status RecoverContainer(os::DirFd container_dir, os::DirFd run_dir, Runner& runner, Failpoint& failpoint,
                        bool other_boot) {
  const auto read = TRY(monitorapi::ReadJournal(container_dir));
  const LastRun last = Fold(read.records);
  JournalWriter journal = TRY(JournalWriter::Open(container_dir));
  failpoint.Hit("recover-locked");
  if (last.pid > 0 && !other_boot) TRY(KillProcess(last.pid, last.start_time));
  failpoint.Hit("recover-killed");
  const auto kills = runner.OomKills();
  TRY(runner.Undo());
  failpoint.Hit("recover-undone");
  if (last.open) {
    Record exited;
    exited.type = RecordType::kExited;
    exited.code = kKilled;
    exited.signal = SIGKILL;
    exited.oom = kills.ok() && *kills > 0;
    exited.text = "monitor died";
    TRY(journal.Append(std::move(exited)));
  }
  failpoint.Hit("recover-recorded");
  TRY(os::DeleteFile(run_dir, "sock"));
  if (last.finished) return Ok();
  Record finished;
  finished.type = RecordType::kFinished;
  return journal.Append(std::move(finished));
}

}  // namespace estiba::monitor
