// After a start of the engine: meet the monitors that live, clear after those that do not, carry out what had
// been decided. What takes long is left to workers, so that the socket answers at once.

#include <fcntl.h>

#include "base/log.h"
#include "containers.h"
#include "os/file.h"

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

}  // namespace

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
  std::vector<Endpoint> endpoints;
  {
    auto data = container->data.Lock();
    if (state.ok()) {
      const Phase phase = PhaseOf(state.value().phase, data->state.phase);
      data->state.phase = phase;
      if (phase == Phase::kRunning || phase == Phase::kPaused) data->state.pid = state.value().started.pid;
    }
    endpoints = data->state.endpoints;
    data->link =
        MonitorLink::Create(w_.loop, std::move(client).value(), os::UniqueFd(), HandlersFor(container));
  }
  for (const Endpoint& endpoint : endpoints) w_.networks->Claim(endpoint);
  return true;
}

void Containers::SubmitRemoval(const ContainerPtr& container) {
  const bool volumes = container->data.Lock()->record.create.host_config.auto_remove;
  w_.workers->Submit([this, container, volumes] {
    const Status removed = FinishRemoval(container, volumes);
    if (!removed.ok())
      log::Warn("remove a container", {{"id", container->id}, {"error", removed.error().Message()}});
  });
}

void Containers::ReconcileOne(const ContainerPtr& container, bool host_restarted) {
  const auto folded = Fold(container, /*until_start=*/false);
  const bool folder_gone = !folded.ok();
  bool was_up = false;
  bool launched = false;
  {
    auto data = container->data.Lock();
    was_up = data->state.Running() || data->state.phase == Phase::kStarting || !data->state.endpoints.empty();
    launched = data->state.journal_seq > 0;
  }
  const bool clean = folded.ok() && (folded.value().finished || !launched);
  if (!folder_gone && MeetAgain(container)) {
    SaveStateOrLog(container);
    // A forced removal that was decided, but not told to the monitor.
    bool removing = false;
    {
      auto data = container->data.Lock();
      removing = data->record.removing;
    }
    if (removing) SubmitRemoval(container);
    return;
  }
  if (was_up || !clean) {
    container->data.Lock()->concluding = true;
    w_.workers->Submit([this, container] { Conclude(container, nullptr); });
  }
  ContainerRecord record;
  ContainerState state;
  {
    auto data = container->data.Lock();
    record = data->record;
    state = data->state;
  }
  const bool ended = state.phase == Phase::kExited;
  if (record.removing || (record.create.host_config.auto_remove && ended && !was_up && clean)) {
    WhenGone(container, [this, container] { SubmitRemoval(container); });
    return;
  }
  if (!host_restarted || !state.starts || !ShouldRestart(record, state, /*host_restarted=*/true)) return;
  WhenGone(container, [this, container] {
    w_.workers->Submit([this, container] {
      const std::lock_guard operation(container->operation);
      {
        auto data = container->data.Lock();
        if (data->link || data->state.Running()) return;
      }
      const Status started = StartLocked(container, 0);
      if (!started.ok())
        log::Warn("start a container again", {{"id", container->id}, {"error", started.error().Message()}});
    });
  });
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
