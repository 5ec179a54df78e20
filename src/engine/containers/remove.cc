// Removal: decided and recorded first, carried out when the container's monitor has ended.

#include <csignal>

#include <fcntl.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/rollback.h"
#include "containers.h"
#include "os/file.h"

namespace estiba::engine {

void Containers::Remove(const std::string& id, const RemoveRequest& request, Done done) {
  auto found = Get(id);
  if (!found.ok()) return done(std::move(found).error());
  const ContainerPtr container = found.value();
  std::shared_ptr<MonitorLink> link;
  {
    auto data = container->data.Lock();
    const std::string& name = data->record.name;
    if (data->record.removing) {
      return done(Error(Code::kConflict, "removal of container " + name + " is already in progress"));
    }
    const bool runs = data->state.Running() || data->state.phase == Phase::kStarting;
    if (runs && !request.force) {
      const char* how = data->state.phase == Phase::kPaused
                            ? "container is paused and must be unpaused first"
                            : "container is running: stop the container before removing or force remove";
      return done(Error(Code::kConflict, "cannot remove container \"/" + name + "\": " + how));
    }
    data->record.removing = true;
    data->state.stopped_by_user = true;
    if (!data->concluding && runs) link = data->link;
  }
  Status saved = SaveRecord(container);
  if (!saved.ok()) {
    container->data.Lock()->record.removing = false;
    return done(std::move(saved));
  }
  const bool volumes = request.volumes;
  WhenGone(container, [this, container, volumes, done] {
    const bool queued =
        w_.workers->Submit([this, container, volumes, done] { done(FinishRemoval(container, volumes)); });
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

// On a worker. What was begun is finished at the next start of the engine: the record goes last.
Status Containers::FinishRemoval(const ContainerPtr& container, bool volumes) {
  const std::lock_guard operation(container->operation);
  ContainerRecord record;
  std::int32_t exit_code = 0;
  std::vector<Parked> parked;  // closed when this ends
  {
    auto data = container->data.Lock();
    data->record.removing = true;
    record = data->record;
    exit_code = data->state.exit_code;
    parked.swap(data->parked);
  }
  TRY(EndRun(container));
  TRY(w_.snapshots->DeleteContainer(record.id));
  TRY(os::DeleteTree({AT_FDCWD}, Folder(record.id)));
  TRY(os::DeleteTree({AT_FDCWD}, RunFolder(record.id)));
  ForgetExecs(record.id);
  store::Batch batch;
  batch.Delete("containers", record.id);
  batch.Delete("states", record.id);
  {
    const std::lock_guard order(container->persist);
    TRY(w_.database->Apply(batch));
  }
  {
    auto registry = registry_.Lock();
    registry->by_id.erase(record.id);
    const auto name = registry->names.find(record.name);
    if (name != registry->names.end() && name->second == record.id) registry->names.erase(name);
  }
  for (const MountPoint& mount : record.mounts) {
    if (!volumes || mount.kind != MountPoint::Kind::kVolume || !mount.anonymous) continue;
    if (!UsersOfVolume(mount.source).empty()) continue;
    const Status deleted = w_.volumes->Delete(mount.source);
    if (!deleted.ok())
      log::Warn("remove a volume", {{"name", mount.source}, {"error", deleted.error().Message()}});
  }
  Publish(container, "destroy");
  TellRemoved(container, exit_code);
  return Ok();
}

Result<apitypes::PruneReport> Containers::Prune(const apitypes::Filters& filters) {
  TRY(filters.Allow({"label", "label!", "until"}));
  if (filters.Has("until"))
    return Error(Code::kNotImplemented, "filter 'until' is not supported for containers");
  apitypes::PruneReport report;
  for (const ContainerPtr& container : All()) {
    {
      auto data = container->data.Lock();
      if (data->link || data->concluding || data->state.Running() || data->state.phase == Phase::kStarting)
        continue;
      if (data->record.removing || !filters.Labels("label", data->record.create.config.labels)) continue;
      if (filters.Has("label!") && filters.Labels("label!", data->record.create.config.labels)) continue;
      data->record.removing = true;
    }
    const auto size = w_.snapshots->ContainerSize(container->id);
    TRY(SaveRecord(container));
    TRY(FinishRemoval(container, /*volumes=*/false));
    if (size.ok()) report.space_reclaimed += size.value();
    report.deleted.push_back(container->id);
  }
  return report;
}

Status Containers::Rename(const std::string& id, const std::string& name) {
  const ContainerPtr container = TRY(Get(id));
  if (name.empty()) return Error(Code::kInvalidArgument, "Neither old nor new names may be empty");
  const std::lock_guard operation(container->operation);
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
  Publish(container, "rename", {{"oldName", "/" + old}});
  return Ok();
}

}  // namespace estiba::engine
