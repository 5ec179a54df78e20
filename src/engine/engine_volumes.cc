// Volumes, and who uses them.

#include "base/text.h"
#include "engine_impl.h"

namespace estiba::engine {

Result<apitypes::VolumeList> EngineImpl::ListVolumes(const apitypes::Filters& filters) {
  apitypes::VolumeList list;
  list.volumes = TRY(volumes_->List(filters, containers_->VolumesInUse()));
  return list;
}

Result<apitypes::Volume> EngineImpl::InspectVolume(const std::string& name) { return volumes_->Get(name); }

Result<apitypes::Volume> EngineImpl::CreateVolume(const apitypes::VolumeCreate& create) {
  const bool known = !create.name.empty() && volumes_->Has(create.name);
  apitypes::Volume volume = TRY(volumes_->Create(create, /*anonymous=*/false));
  if (!known) events_.Publish("volume", "create", volume.name, {{"driver", "local"}});
  return volume;
}

Status EngineImpl::RemoveVolume(const std::string& name, bool force) {
  if (!volumes_->Has(name)) {
    if (force) return Ok();
    return Error(Code::kNotFound, "get " + name + ": no such volume");
  }
  std::vector<std::string> users;
  const Status deleted = volumes_->Delete(name, [&] {
    users = containers_->UsersOfVolume(name);
    return !users.empty();
  });
  if (!users.empty())
    return Error(Code::kConflict, "remove " + name + ": volume is in use - [" + Join(users, ", ") + "]");
  if (!deleted.ok()) return deleted.error().Clone();
  events_.Publish("volume", "destroy", name, {{"driver", "local"}});
  return Ok();
}

Status EngineImpl::RenameVolume(const std::string& name, const std::string& to) {
  return containers_->RenameVolume(name, to);
}

Result<apitypes::Volume> EngineImpl::SnapshotVolume(const std::string& name, const std::string& copy) {
  apitypes::Volume volume = TRY(volumes_->Snapshot(name, copy));
  events_.Publish("volume", "create", copy, {{"driver", "local"}, {"snapshotOf", name}});
  return volume;
}

Result<OutputStream> EngineImpl::ExportVolume(const std::string& name) {
  Volumes::Files files = TRY(volumes_->OpenFiles(name, "export"));
  image::TransferJob job;
  job.kind = image::JobKind::kPack;
  return StreamOut(std::move(job), "export a volume", [hold = files.hold]() mutable { hold.reset(); },
                   std::move(files.directory));
}

Result<Token> EngineImpl::ImportVolume(const std::string& name, os::UniqueFd archive, ProgressCallbacks callbacks) {
  Volumes::Files files = TRY(volumes_->OpenFiles(name, "import"));
  image::TransferJob job;
  job.kind = image::JobKind::kFill;
  job.user_xattrs = config()->rootless;
  ProgressCallbacks holding = callbacks;
  holding.done = [hold = files.hold, done = callbacks.done](Status status) mutable {
    hold.reset();
    done(std::move(status));
  };
  return transfers_->Start("", std::move(job), {std::move(archive), std::move(files.directory)}, std::move(holding));
}

Result<apitypes::PruneReport> EngineImpl::PruneVolumes(const apitypes::Filters& filters) {
  const bool all = TRY(filters.Flag("all", false));
  const auto used = containers_->VolumesInUse();
  const std::vector<apitypes::Volume> volumes = TRY(volumes_->List(filters, used));
  apitypes::PruneReport report;
  for (const apitypes::Volume& volume : volumes) {
    if (used.contains(volume.name) || (!all && !volumes_->Anonymous(volume.name))) continue;
    const Status deleted =
        volumes_->Delete(volume.name, [&] { return !containers_->UsersOfVolume(volume.name).empty(); });
    if (!deleted.ok() && deleted.error().code() == Code::kConflict) continue;  // a container came to use it
    if (!deleted.ok()) return deleted.error().Clone();
    events_.Publish("volume", "destroy", volume.name, {{"driver", "local"}});
    report.deleted.push_back(volume.name);
  }
  return report;
}

}  // namespace estiba::engine
