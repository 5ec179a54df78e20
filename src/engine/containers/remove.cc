// Removal: decided and recorded first, carried out when the container's monitor has ended.

#include <csignal>

#include <fcntl.h>

#include "../warn.h"
#include "base/clock.h"
#include "base/log.h"
#include "containers.h"
#include "os/file.h"

namespace estiba::engine {

bool Containers::ClaimRemoval(const ContainerPtr& container) {
  auto data = container->data.Lock();
  if (data->removal_runs || data->removed) return false;
  data->removal_runs = true;
  return true;
}

Status Containers::DecideRemoval(const ContainerPtr& container, const RemoveRequest& request) {
  {
    auto data = container->data.Lock();
    const std::string& name = data->record.name;
    if (data->removal_runs || data->removed) {
      return Error(Code::kConflict, "removal of container " + name + " is already in progress");
    }
    const bool runs = data->state.Running() || data->state.phase == Phase::kStarting;
    if (runs && !request.force) {
      const char* how = data->state.phase == Phase::kPaused
                            ? "container is paused and must be unpaused first"
                            : "container is running: stop the container before removing or force remove";
      return Error(Code::kConflict, "cannot remove container \"/" + name + "\": " + how);
    }
    data->removal_runs = true;
    data->record.removing = true;
    data->record.removes_volumes = data->record.removes_volumes || request.volumes;
    data->state.stopped_by_user = true;
  }
  Status saved = SaveRecord(container);
  if (saved.ok()) return saved;
  auto data = container->data.Lock();
  data->removal_runs = false;
  data->record.removing = false;
  return saved;
}

void Containers::Remove(const std::string& id, const RemoveRequest& request, Done done) {
  auto found = Get(id);
  if (!found.ok()) return done(std::move(found).error());
  const ContainerPtr container = found.value();
  Status decided = DecideRemoval(container, request);
  if (!decided.ok()) return done(std::move(decided));
  std::shared_ptr<MonitorLink> link;
  {
    auto data = container->data.Lock();
    if (!data->concluding) link = data->link;
  }
  WhenGone(container, [this, container, done] {
    const bool queued = w_.workers->Submit([this, container, done] { done(FinishRemoval(container)); });
    if (!queued) done(Error(Code::kUnavailable, "the engine is busy or stopping"));
  });
  if (!link) return;
  monitorapi::Stop stop;
  stop.signal = SIGKILL;
  stop.timeout_ms = 0;
  link->Send(stop, {}, [container](const Result<monitorapi::Frame>& answer) {
    if (answer.ok() || answer.error().code() == Code::kUnavailable) return;
    log::Warn("kill a container to remove it", {{"id", container->id}, {"error", answer.error().Message()}});
  });
}

// A start that was under way when the removal was decided has made a monitor meanwhile.
Status Containers::EndRun(const ContainerPtr& container) {
  std::shared_ptr<MonitorLink> link;
  {
    auto data = container->data.Lock();
    if (!data->concluding) link = data->link;
  }
  if (link) {
    monitorapi::Stop stop;
    stop.signal = SIGKILL;
    stop.timeout_ms = 0;
    link->Send(stop, {}, [](const Result<monitorapi::Frame>&) {});
  }
  if (WaitGone(container, std::chrono::seconds(30))) return Ok();
  return Error(Code::kUnavailable, "container " + container->id + " does not end");
}

Status Containers::FinishRemoval(const ContainerPtr& container) {
  Status removed = CarryOutRemoval(container);
  if (!removed.ok()) container->data.Lock()->removal_runs = false;
  return removed;
}

// The record goes last: while it is there, the next start of the engine goes on where this one ended.
Status Containers::CarryOutRemoval(const ContainerPtr& container) {
  const std::lock_guard operation(container->operation);
  TRY(AwaitCopies(container));
  container->data.Lock()->record.removing = true;
  TRY(EndRun(container));
  TRY(EnsureCleared(container));
  ContainerRecord record;
  ContainerState state;
  std::vector<Parked> parked;  // closed when this ends
  {
    auto data = container->data.Lock();
    record = data->record;
    state = data->state;
    parked.swap(data->parked);
  }
  ForgetCni(record.id);
  TRY(DeleteFiles(record));
  TRY(os::DeleteTree({AT_FDCWD}, RunFolder(record.id)));
  if (record.removes_volumes || record.create.host_config.auto_remove) DeleteVolumesOf(record);
  ForgetExecs(record.id);
  TRY(ForgetRecord(container, state));
  {
    auto registry = registry_.Lock();
    registry->by_id.erase(record.id);
    const auto name = registry->names.find(record.name);
    if (name != registry->names.end() && name->second == record.id) registry->names.erase(name);
  }
  w_.images->NoteUse(record.image_id, WallNow());
  Publish(container, "destroy");
  TellRemoved(container, state.exit_code);
  return Ok();
}

Status Containers::DeleteFiles(const ContainerRecord& record) {
  // A project's number may be another's only when no file has it.
  if (record.project != 0) {
    TRY(w_.snapshots->DeleteContainer(record.id));
    TRY(w_.snapshots->ReleaseProject(record.project));
  } else {
    trash_.Add(TRY(w_.snapshots->TakeContainerAway(record.id)));
  }
  trash_.Add(TRY(w_.snapshots->TakeAway({AT_FDCWD}, Folder(record.id))));
  return Ok();
}

void Containers::DeleteVolumesOf(const ContainerRecord& record) {
  for (const MountPoint& mount : record.mounts) {
    if (mount.kind != MountPoint::Kind::kVolume || !mount.anonymous) continue;
    const auto used = [&] { return !UsersOfVolume(mount.source, record.id).empty(); };
    const Status deleted = w_.volumes->Delete(mount.source, used);
    if (!deleted.ok() && deleted.error().code() != Code::kConflict) WarnIf(deleted, "remove a volume", mount.source);
  }
}

Status Containers::ForgetRecord(const ContainerPtr& container, const ContainerState& state) {
  const std::lock_guard order(container->persist);
  store::Batch batch;
  batch.Delete("containers", container->id);
  batch.Delete("states", container->id);
  const bool remembered = container->data.Lock()->record.create.host_config.auto_remove && state.starts > 0;
  if (remembered) {
    removed_exits_.Remember(container->id, state.exit_code, WallNow().time_since_epoch().count(), batch);
  }
  TRY(w_.database->Apply(batch));
  container->data.Lock()->removed = true;
  return Ok();
}

void Containers::RemoveByItself(const ContainerPtr& container) {
  if (!ClaimRemoval(container)) return;
  WarnIf(FinishRemoval(container), "remove a container", container->id);
}

void Containers::RemoveWhenGone(const ContainerPtr& container) {
  // Refused only while the engine stops: the next start removes it.
  WhenGone(container, [this, container] { w_.workers->Submit([this, container] { RemoveByItself(container); }); });
}

Result<apitypes::PruneReport> Containers::Prune(const apitypes::Filters& filters) {
  TRY(filters.Allow({"label", "label!", "until"}));
  const auto until = TRY(filters.Until(WallNow()));
  apitypes::PruneReport report;
  for (const ContainerPtr& container : All()) {
    {
      auto data = container->data.Lock();
      if (data->link || data->concluding || data->state.Running() || data->state.phase == Phase::kStarting)
        continue;
      const WallTime created{std::chrono::nanoseconds(data->record.created)};
      if (until && created >= *until) continue;
      if (!filters.Labels("label", data->record.create.config.labels)) continue;
      if (filters.Has("label!") && filters.Labels("label!", data->record.create.config.labels)) continue;
    }
    const auto size = w_.snapshots->ContainerSize(container->id);
    if (!DecideRemoval(container, {}).ok()) continue;  // somebody starts or removes it
    TRY(FinishRemoval(container));
    if (size.ok()) report.space_reclaimed += size.value();
    report.deleted.push_back(container->id);
  }
  trash_.Empty();  // who prunes needs the space
  return report;
}

Status Containers::Rename(const std::string& id, const std::string& name) {
  const ContainerPtr container = TRY(Get(id));
  if (name.empty()) return Error(Code::kInvalidArgument, "Neither old nor new names may be empty");
  const std::lock_guard operation(container->operation);
  TRY(CheckThere(container));
  std::string old;
  {
    auto data = container->data.Lock();
    old = data->record.name;
  }
  if (name == old || name == "/" + old) {
    return Error(Code::kInvalidArgument, "Renaming a container with the same name as its current name");
  }
  const std::string taken = TRY(ReserveName(name, container->id));
  container->data.Lock()->record.name = taken;
  Status saved = SaveRecord(container);
  if (!saved.ok()) {
    container->data.Lock()->record.name = old;
    ReleaseName(taken, container->id);
    return saved;
  }
  ReleaseName(old, container->id);
  WarnIf(TellNames(container), "tell the new name of a container", taken);
  Publish(container, "rename", {{"oldName", "/" + old}});
  return Ok();
}

}  // namespace estiba::engine
