// Whom the container's cgroup is handed to (runtime-spec, "Cgroup ownership").

#include <linux/mount.h>

#include <algorithm>
#include <optional>

#include "builder.h"

namespace estiba::plan {
namespace {

// A mount of the container's own cgroups that its processes may write to.
bool IsWritableCgroupMount(const oci::Mount& mount) {
  std::string destination = mount.destination;
  while (destination.ends_with('/')) destination.pop_back();
  if (mount.source != "cgroup" || destination != "/sys/fs/cgroup") return false;
  const auto options = ParseMountOptions(mount.options, "mounts");
  return options.ok() && ((options->set | options->recursive_set) & MOUNT_ATTR_RDONLY) == 0;
}

// The user of the container's process as the host knows him; nothing when he is nobody there.
std::optional<std::uint32_t> HostUser(const oci::RuntimeSpec& spec) {
  const std::uint32_t uid = spec.process->user.uid;
  if (oci::FindNamespace(spec.linux_config, oci::NamespaceType::kUser) == nullptr) return uid;
  for (const oci::IdMapping& map : spec.linux_config.uid_mappings)
    if (uid >= map.container_id && uid - map.container_id < map.size) return map.host_id + (uid - map.container_id);
  return std::nullopt;
}

}  // namespace

void AddCgroupOwner(Builder& b, const oci::RuntimeSpec& spec, Where where) {
  // On v1 delegation is not safe; what a plain user makes is his already.
  if (b.facts().cgroups.mode != cgroup::Mode::kUnified || b.facts().plain_user) return;
  if (!oci::HasNewNamespace(spec.linux_config, oci::NamespaceType::kCgroup)) return;
  const auto mount = std::ranges::find_if(spec.mounts, IsWritableCgroupMount);
  const auto owner = HostUser(spec);
  if (mount == spec.mounts.end() || !owner.has_value() || *owner == 0) return;
  b.Add(Op::kOwnCgroup, where, Indexed("mounts", static_cast<std::size_t>(mount - spec.mounts.begin())), {}, {*owner});
}

}  // namespace estiba::plan
