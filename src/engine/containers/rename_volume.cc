// A volume's new name, in the records of all who have it.

#include <algorithm>

#include "containers.h"

namespace estiba::engine {
namespace {

// "old:/data:ro" → "new:/data:ro"; other binds stay.
void RenameBind(std::string& bind, const std::string& name, const std::string& to) {
  if (bind.starts_with(name + ":")) bind.replace(0, name.size(), to);
}

void RenameIn(ContainerRecord& record, const std::string& name, const std::string& to) {
  for (MountPoint& mount : record.mounts) {
    if (mount.kind != MountPoint::Kind::kVolume || mount.source != name) continue;
    mount.source = to;
    mount.anonymous = false;
  }
  for (std::string& bind : record.create.host_config.binds) RenameBind(bind, name, to);
  for (apitypes::Mount& mount : record.create.host_config.mounts) {
    if (mount.type == "volume" && mount.source == name) mount.source = to;
  }
}

}  // namespace

std::vector<ContainerPtr> Containers::ContainersOfVolume(const std::string& volume) {
  const std::vector<std::string> ids = UsersOfVolume(volume);
  std::vector<ContainerPtr> users;
  for (const ContainerPtr& container : AllAndBeingMade()) {
    if (std::ranges::find(ids, container->id) == ids.end()) continue;
    users.push_back(container);
  }
  // In one order, for whoever locks them all.
  std::ranges::sort(users, {}, [](const ContainerPtr& user) { return user->id; });
  return users;
}

Status Containers::CheckMayFollow(const ContainerPtr& container, const std::string& volume) {
  const bool made = registry_.Lock()->by_id.contains(container->id);
  auto data = container->data.Lock();
  const bool runs = data->link || data->concluding || data->state.Running() || data->state.phase == Phase::kStarting;
  if (made && !runs) return Ok();
  return Error(Code::kConflict, "rename " + volume + ": volume is in use by running container " +
                                    (data->record.name.empty() ? container->id : data->record.name))
      .Hint("stop it first: a container that is restarted would look for the old name");
}

Status Containers::RenameVolume(const std::string& name, const std::string& to) {
  const std::vector<ContainerPtr> users = ContainersOfVolume(name);
  std::vector<std::unique_lock<std::mutex>> locks;
  for (const ContainerPtr& user : users) locks.emplace_back(user->operation);
  for (const ContainerPtr& user : users) {
    const bool runs = user->data.Lock()->state.Running();
    // One that has just exited is cleared after for a moment; whether it is gone then is looked at below.
    if (!runs) (void)WaitGone(user, std::chrono::seconds(10));
  }
  std::vector<std::pair<ContainerPtr, ContainerRecord>> changed;
  const auto add = [&](store::Batch& batch) -> Status {
    // With the name taken nobody comes to use it any more.
    if (UsersOfVolume(name).size() > users.size())
      return Error(Code::kConflict, "rename " + name + ": a container is being made that uses it");
    for (const ContainerPtr& user : users) {
      TRY(CheckMayFollow(user, name));
      ContainerRecord record = user->data.Lock()->record;
      RenameIn(record, name, to);
      batch.Put("containers", user->id, record.ToJson().Dump());
      changed.emplace_back(user, std::move(record));
    }
    return Ok();
  };
  TRY(w_.volumes->Rename(name, to, add));
  for (auto& [user, record] : changed) user->data.Lock()->record = std::move(record);
  w_.events->Publish("volume", "rename", to, {{"driver", "local"}, {"oldName", name}});
  return Ok();
}

}  // namespace estiba::engine
