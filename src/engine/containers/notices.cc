// What monitors say, and what follows when one has ended.

#include <algorithm>
#include <iterator>

#include <fcntl.h>

#include "base/clock.h"
#include "base/log.h"
#include "containers.h"
#include "journal_fold.h"
#include "monitorapi/health.h"
#include "os/file.h"
#include "plan/wire.h"
#include "restart.h"

namespace estiba::engine {
namespace {

using namespace std::chrono_literals;
using monitorapi::Frame;
using monitorapi::Type;

constexpr auto kRecoverPatience = 60s;

}  // namespace

MonitorLink::Handlers Containers::HandlersFor(const ContainerPtr& container) {
  MonitorLink::Handlers handlers;
  handlers.notice = [this, container](MonitorLink& link, const Frame& frame) { OnNotice(container, link, frame); };
  handlers.gone = [this, container](MonitorLink& link) {
    {
      auto data = container->data.Lock();
      data->concluding = true;
    }
    auto self = link.shared_from_this();
    // Refused only while the engine stops: the next start concludes it.
    w_.workers->Submit([this, container, self] { Conclude(container, self); });
  };
  return handlers;
}

Result<Containers::Folded> Containers::Fold(const ContainerPtr& container, bool until_start) {
  const os::UniqueFd folder = TRY(os::OpenAt({AT_FDCWD}, Folder(container->id), O_RDONLY | O_DIRECTORY));
  const monitorapi::Journal journal = TRY(monitorapi::ReadJournal({folder.get()}));
  FoldedRecords records;
  {
    auto data = container->data.Lock();
    records = FoldRecords(journal.records, until_start, data->state);
  }
  for (const auto& exec : records.execs) EndExec(exec.id, exec.code, exec.time);
  return Folded{records.finished, records.exited, records.started};
}

void Containers::FoldOrLog(const ContainerPtr& container, bool until_start) {
  const auto folded = Fold(container, until_start);
  if (!folded.ok()) log::Error("read a journal", {{"id", container->id}, {"error", folded.error().Message()}});
}

// On the event thread: its monitor has said that it runs.
void Containers::TellStart(const ContainerPtr& container) {
  FoldOrLog(container, /*until_start=*/true);
  container->data.Lock()->end_due = true;
  Publish(container, "start");
}

// Once for each start, whoever is first to notice: the monitor's word, or the monitor's end.
void Containers::TellEnd(const ContainerPtr& container, std::int32_t code) {
  if (!std::exchange(container->data.Lock()->end_due, false)) return;
  Publish(container, "die", {{"exitCode", std::to_string(code)}});
}

void Containers::OnNotice(const ContainerPtr& container, MonitorLink& link, const Frame& frame) {
  switch (frame.type) {
    case Type::kNoticeExited: return OnExited(container, link, frame);
    case Type::kNoticeExecExited: return OnExecExited(link, frame);
    case Type::kNoticeHealth: return OnHealth(container, frame);
    case Type::kNoticeProbeStarted: return OnProbeStarted(container, frame);
    case Type::kNoticeProbeEnded: return OnProbeEnded(container, frame);
    case Type::kNoticeDetached: return Publish(container, "detach");
    default: break;
  }
  if (frame.type == Type::kNoticeStarted) {
    TellStart(container);
  } else {
    FoldOrLog(container);
  }
  SaveStateOrLog(container);
  if (frame.id != 0) link.Acknowledge(frame);
  if (frame.type == Type::kNoticeOom) Publish(container, "oom");
  if (frame.type == Type::kNoticePaused) Publish(container, "pause");
  if (frame.type == Type::kNoticeUnpaused) Publish(container, "unpause");
}

void Containers::OnExited(const ContainerPtr& container, MonitorLink& link, const Frame& frame) {
  const auto notice = frame.Decode<monitorapi::Exited>();
  if (!notice.ok()) return log::Error("read a monitor's notice", {{"error", notice.error().Message()}});
  const monitorapi::Exited& exited = notice.value();
  FoldOrLog(container);
  {
    auto data = container->data.Lock();
    if (exited.restarting && data->state.phase == Phase::kExited) data->state.phase = Phase::kRestarting;
  }
  SaveStateOrLog(container);
  link.Acknowledge(frame);
  TellEnd(container, exited.code);
  TellWaiters(container, !exited.restarting);
}

void Containers::OnExecExited(MonitorLink& link, const Frame& frame) {
  const auto notice = frame.Decode<monitorapi::ExecExited>();
  if (!notice.ok()) return log::Error("read a monitor's notice", {{"error", notice.error().Message()}});
  EndExec(notice.value().exec_id, notice.value().code, notice.value().time);
  link.Acknowledge(frame);
}

void Containers::TellWaiters(const ContainerPtr& container, bool final_exit) {
  std::vector<ExitWaiter> told;
  apitypes::WaitResponse response;
  {
    auto data = container->data.Lock();
    if (final_exit) data->told = true;
    response.status_code = data->state.exit_code;
    response.error = data->state.error;
    std::vector<ExitWaiter> left;
    for (ExitWaiter& waiter : data->waiters) {
      const bool now = waiter.condition == WaitCondition::kNextExit ||
                       (waiter.condition == WaitCondition::kNotRunning && final_exit);
      (now ? told : left).push_back(std::move(waiter));
    }
    data->waiters = std::move(left);
  }
  for (const ExitWaiter& waiter : told) {
    w_.tokens->Drop(waiter.token);
    waiter.done(response);
  }
}

void Containers::TellRemoved(const ContainerPtr& container, std::int32_t code) {
  std::vector<ExitWaiter> told;
  {
    auto data = container->data.Lock();
    told.swap(data->waiters);
  }
  apitypes::WaitResponse response;
  response.status_code = code;
  for (const ExitWaiter& waiter : told) {
    w_.tokens->Drop(waiter.token);
    waiter.done(response);
  }
}

Status Containers::Recover(const ContainerPtr& container) {
  const os::UniqueFd folder = TRY(os::OpenAt({AT_FDCWD}, Folder(container->id), O_RDONLY | O_DIRECTORY));
  TRY(os::EnsureDirectory(RunFolder(container->id), 0700));
  const os::UniqueFd run_folder = TRY(os::OpenAt({AT_FDCWD}, RunFolder(container->id), O_RDONLY | O_DIRECTORY));
  const monitorapi::Program* monitor = TRY(w_.monitor());
  monitorapi::Spawned spawned = TRY(monitorapi::Spawn(*monitor, container->id, w_.log_fd));
  std::chrono::milliseconds plugins{0};
  if (const auto bytes = os::ReadFileAt({folder.get()}, "plan", plan::kMaxEncodedPlan); bytes.ok()) {
    const auto plan = plan::Decode(*bytes);
    if (plan.ok()) plugins = CniPatience(*plan);
  }
  monitorapi::Recover recover;
  recover.id = container->id;
  {
    auto data = container->data.Lock();
    recover.name = data->record.name;
    recover.other_boot = !data->state.boot.empty() && data->state.boot != w_.host->boot_id;
  }
  TRY_CTX(spawned.client.Call(recover, {folder.get(), run_folder.get()}, kRecoverPatience + plugins),
          "clear after a monitor that died");
  // It has said all; its end is near.
  TRY(spawned.process.Wait());
  return Ok();
}

Status Containers::Clear(const ContainerPtr& container) {
  constexpr int kTries = 3;  // who clears may be killed, too
  for (int left = kTries;; --left) {
    Status recovered = Recover(container);
    if (!recovered.ok() && recovered.error().code() == Code::kConflict) return recovered;
    // Now: in what is read after the next start, this end would be taken for that run's.
    const auto folded = Fold(container, /*until_start=*/false);
    if (recovered.ok() || (folded.ok() && folded.value().finished)) return Ok();
    if (left <= 1) return recovered;
  }
}

Status Containers::EnsureCleared(const ContainerPtr& container) {
  if (!container->data.Lock()->uncleared) return Ok();
  Status cleared = Clear(container);
  // Where its plan or journal cannot be read any more, nothing can be done, ever.
  const auto unknown = [](Code code) { return code == Code::kDataLoss || code == Code::kNotFound; };
  if (!cleared.ok() && !unknown(cleared.error().code()))
    return std::move(cleared).error().Context("clear after the last run");
  container->data.Lock()->uncleared = false;
  return Ok();
}

// On a worker: a monitor that an engine before us launched holds the container's lock but did not answer.
void Containers::ConcludeLater(const ContainerPtr& container) {
  if (!MeetAgain(container)) {
    w_.workers->Submit([this, container] { Conclude(container, nullptr); });  // waits a while for the lock again
    return;
  }
  bool removing = false;
  std::vector<std::function<void()>> then;
  {
    auto data = container->data.Lock();
    removing = data->record.removing;
    then.swap(data->when_settled);
  }
  for (const auto& next : then) next();
  log::Info("met a monitor that was still starting its container", {{"id", container->id}});
  FoldOrLog(container);
  SaveStateOrLog(container);
  if (!removing) return;
  const Status ended = EndRun(container);
  if (!ended.ok()) log::Warn("end a container to remove it", {{"error", ended.error().Message()}});
}

// On a worker: the monitor has said its last word, in order or not.
void Containers::Conclude(const ContainerPtr& container, const std::shared_ptr<MonitorLink>& link) {
  if (!stopping_) ConcludeRun(container, link);
  if (link) link->Reap();
}

// One that has finished may be in the kernel yet, where a link's deletion ends (net/setup.h): nobody waits for that.
void Containers::ConcludeRun(const ContainerPtr& container, const std::shared_ptr<MonitorLink>& link) {
  const auto folded = Fold(container, /*until_start=*/false);
  const bool died = !folded.ok() || !folded.value().finished;
  Status cleared = Ok();
  if (died) {
    if (link) link->Reap();
    log::Warn("a monitor died: clearing after it", {{"id", container->id}});
    cleared = Clear(container);
    // Its lock is held: it lives, and was only not to be reached, because it is still starting its container.
    if (!cleared.ok() && cleared.error().code() == Code::kConflict) return ConcludeLater(container);
    if (!cleared.ok())
      log::Error("clear after a monitor", {{"id", container->id}, {"error", cleared.error().Message()}});
  }
  ConcludeChange(container);
  std::vector<Endpoint> endpoints;
  std::vector<std::function<void()>> then;
  ContainerRecord record;
  ContainerState state;
  bool told = false;
  bool boot_due = false;
  {
    auto data = container->data.Lock();
    EndUntold(WallNow().time_since_epoch().count(), data->state);
    data->state.pid = 0;
    data->uncleared = !cleared.ok();
    endpoints.swap(data->state.endpoints);
    data->state.last_endpoints = endpoints;
    data->state.ports.clear();
    told = std::exchange(data->told, true);
    boot_due = data->boot_due;
    record = data->record;
    state = data->state;
  }
  Release(endpoints);
  EndExecsOf(container->id);
  const Status emptied = os::DeleteTree({AT_FDCWD}, RunFolder(container->id));
  if (!emptied.ok()) log::Warn("clear a run folder", {{"id", container->id}, {"error", emptied.error().Message()}});
  {
    auto data = container->data.Lock();
    data->link.reset();
    data->concluding = false;  // not before: the next start has the same folder and may have the same addresses
    then.swap(data->when_gone);
    std::ranges::move(std::exchange(data->when_settled, {}), std::back_inserter(then));
  }
  SaveStateOrLog(container);
  TellEnd(container, state.exit_code);
  if (!told) TellWaiters(container, /*final_exit=*/true);
  for (const auto& next : then) next();
  if (!endpoints.empty()) ClearHostLater();
  if (RemovesItself(record, state)) return RemoveByItself(container);
  const bool ran = state.phase == Phase::kExited;
  if (died && ran && !boot_due && ShouldRestart(record, state, /*host_restarted=*/false)) {
    StartAgain(container, state.restart_count + 1);
  }
}

void Containers::StartAgain(const ContainerPtr& container, std::uint64_t restart_count) {
  StartLinkedFirst(container);
  const Status started = StartIfDown(container, restart_count);
  if (!started.ok())
    log::Warn("start a container again", {{"id", container->id}, {"error", started.error().Message()}});
}

Status Containers::StartIfDown(const ContainerPtr& container, std::uint64_t restart_count) {
  const std::lock_guard operation(container->operation);
  {
    auto data = container->data.Lock();
    // Somebody was quicker, to start it or to remove it.
    if (data->link || data->state.Running() || data->record.removing || data->removed) return Ok();
  }
  return StartLocked(container, restart_count);
}

}  // namespace estiba::engine
