// After a start of the engine: meet the monitors that live, clear after those that do not, carry out what had
// been decided. What takes long is left to workers, so that the socket answers at once.

#include <algorithm>

#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"
#include "containers.h"
#include "os/file.h"
#include "restart.h"

namespace estiba::engine {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 10s;

Phase PhaseOf(monitorapi::Phase phase, Phase otherwise) {
  switch (phase) {
    case monitorapi::Phase::kRunning: return Phase::kRunning;
    case monitorapi::Phase::kPaused: return Phase::kPaused;
    case monitorapi::Phase::kRestarting: return Phase::kRestarting;
    case monitorapi::Phase::kStarting: return Phase::kStarting;
    case monitorapi::Phase::kEnding: break;
  }
  return otherwise;
}

// Whether the end of a run is still to be told, by what was recorded before the journal was read. Of one that the
// engine before us had just recorded we cannot know: told twice rather than never.
bool IsEndDue(Phase recorded, bool has_started_since) {
  const bool none_runs = recorded == Phase::kCreated || recorded == Phase::kStarting || recorded == Phase::kRestarting;
  return has_started_since || !none_runs;
}

}  // namespace

// What an engine before us had asked for and not heard of.
void Containers::SettleMet(const ContainerPtr& container, monitorapi::Client& client) {
  monitorapi::ChangeNetwork settle;
  settle.only_settle = true;
  {
    auto data = container->data.Lock();
    if (!data->state.network_change) return;
    settle.revision = ++data->state.network_revision;
  }
  SaveStateOrLog(container);
  const auto answer = client.Call(settle, {}, kPatience);
  if (!answer.ok()) {
    // Before the next change it is asked again.
    return log::Warn("settle a network change", {{"id", container->id}, {"error", answer.error().Message()}});
  }
  ConcludeChange(container);
}

bool Containers::MeetAgain(const ContainerPtr& container) {
  auto client = monitorapi::Client::Connect(RunFolder(container->id) + "/sock");
  if (!client.ok()) return false;
  // The loop does not run yet: this one answer is waited for here.
  auto answer = client.value().Call(monitorapi::Subscribe{}, {}, kPatience);
  if (!answer.ok()) {
    log::Warn("meet a monitor again", {{"id", container->id}, {"error", answer.error().Message()}});
    return false;
  }
  const auto state = answer.value().Decode<monitorapi::State>();
  SettleMet(container, client.value());
  {
    auto data = container->data.Lock();
    if (state.ok()) {
      const Phase phase = PhaseOf(state.value().phase, data->state.phase);
      data->state.phase = phase;
      if (phase == Phase::kRunning || phase == Phase::kPaused) {
        data->state.pid = state.value().started.pid;
        data->end_due = true;
      }
    }
    data->concluding = false;  // before the link can tell of its end
    data->link =
        MonitorLink::Create(w_.loop, std::move(client).value(), os::UniqueFd(), HandlersFor(container));
  }
  return true;
}

bool Containers::HasFolder(const std::string& id) const { return ::access(Folder(id).c_str(), F_OK) == 0; }

// Its folder is made last: what has none was being made when the engine died, and nobody has heard of it.
bool Containers::NeverMade(const ContainerPtr& container) {
  if (HasFolder(container->id)) return false;
  auto data = container->data.Lock();
  if (data->record.removing || data->state.starts > 0) return false;
  data->record.removes_volumes = true;
  return true;
}

void Containers::ReconcileOne(const ContainerPtr& container, bool host_restarted) {
  if (NeverMade(container)) return RemoveWhenGone(container);
  const Phase recorded = container->data.Lock()->state.phase;
  const auto folded = Fold(container, /*until_start=*/false);
  bool was_up = false;
  bool launched = false;
  std::vector<Endpoint> endpoints;
  {
    auto data = container->data.Lock();
    was_up = data->state.Running() || data->state.phase == Phase::kStarting || !data->state.endpoints.empty();
    launched = data->state.journal_seq > 0;
    endpoints = data->state.endpoints;
    if (data->state.network_change) {
      for (const Endpoint& endpoint : data->state.network_change->endpoints) {
        const bool there = std::ranges::find(endpoints, endpoint.id, &Endpoint::id) != endpoints.end();
        if (!there) endpoints.push_back(endpoint);
      }
    }
  }
  // Its own until its monitor has ended and all is undone.
  for (const Endpoint& endpoint : endpoints) w_.networks->Claim(endpoint);
  // The folder goes early in a removal, when nothing is left on the host.
  const bool half_removed = !was_up && !HasFolder(container->id);
  const bool clean = half_removed || (folded.ok() && (folded.value().finished || !launched));
  if (was_up || !clean)
    container->data.Lock()->end_due = IsEndDue(recorded, folded.ok() && folded.value().started);
  if (folded.ok() && MeetAgain(container)) {
    SaveStateOrLog(container);
    // A forced removal that was decided, but not told to the monitor.
    bool removing = false;
    bool held = false;
    {
      auto data = container->data.Lock();
      removing = data->record.removing;
      held = data->state.paused_by_commit;
    }
    if (held) w_.workers->Submit([this, container] { LetGoOn(container->id); });
    if (removing) w_.workers->Submit([this, container] { RemoveByItself(container); });
    return;
  }
  if (was_up || !clean) {
    {
      auto data = container->data.Lock();
      data->concluding = true;
      data->boot_due = host_restarted && ComesBack(data->record, data->state);
    }
    w_.workers->Submit([this, container] { Conclude(container, nullptr); });
  }
  ContainerRecord record;
  ContainerState state;
  {
    auto data = container->data.Lock();
    record = data->record;
    state = data->state;
  }
  // Conclude() sees to --rm by itself.
  if (record.removing || (RemovesItself(record, state) && !was_up && clean)) RemoveWhenGone(container);
}

Status Containers::Reconcile(bool host_restarted) {
  std::set<std::string> known;
  for (const ContainerPtr& container : All()) {
    known.insert(container->id);
    ReconcileOne(container, host_restarted);
  }
  // Folders and writable layers that no record knows: their making was not finished, or their removal was.
  const std::vector<std::string> layers = TRY(w_.snapshots->ListContainers());
  for (const std::string& id : layers) {
    if (!known.contains(id)) TRY(w_.snapshots->DeleteContainer(id));
  }
  const std::string root = w_.config()->data_root + "/containers";
  const std::vector<std::string> folders = TRY(os::ListDirectory({AT_FDCWD}, root));
  for (const std::string& id : folders) {
    if (!known.contains(id)) TRY(os::DeleteTree({AT_FDCWD}, root + "/" + id));
  }
  return Ok();
}

}  // namespace estiba::engine
