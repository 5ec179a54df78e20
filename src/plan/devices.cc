// Device nodes, the links in /dev, and the paths a container shall not see or not change.

#include <algorithm>

#include <linux/mount.h>
#include <sys/stat.h>

#include "builder.h"

namespace estiba::plan {
namespace {

struct DefaultDevice {
  const char* path;
  unsigned major;
  unsigned minor;
};
// runtime-spec, "Default Devices"; console and ptmx come with the terminal and devpts.
constexpr DefaultDevice kDefaultDevices[] = {
    {"/dev/null", 1, 3}, {"/dev/zero", 1, 5}, {"/dev/full", 1, 7},
    {"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0},
};

std::uint64_t FileType(char type) {
  switch (type) {
    case 'b': return S_IFBLK;
    case 'p': return S_IFIFO;
    default: return S_IFCHR;
  }
}

void AddDevice(Builder& b, const oci::Device& device, const std::string& why) {
  const std::uint64_t type = FileType(device.type);
  const auto major = static_cast<std::uint64_t>(device.major);
  const auto minor = static_cast<std::uint64_t>(device.minor);
  // Device nodes cannot be made in a user namespace: then the host's node is bound.
  if ((b.new_user || !b.facts().kernel.can_mknod) && type != S_IFIFO) {
    b.Child(child::Op::kBindDevice, why, {device.path, device.path}, {type, major, minor}).in = {b.root};
    return;
  }
  const std::uint64_t mode = device.file_mode.value_or(0666) & 07777;
  b.Child(child::Op::kDevice, why, {device.path},
          {type, major, minor, mode, device.uid.value_or(0), device.gid.value_or(0)})
      .in = {b.root};
}

bool Listed(const std::vector<oci::Device>& devices, const char* path) {
  for (const oci::Device& device : devices) {
    if (device.path == path) return true;
  }
  return false;
}

void AddLink(Builder& b, const char* content, const char* path) {
  b.Child(child::Op::kSymlink, "default /dev", {content, path}).in = {b.root};
}

struct Place {
  int root;
  std::vector<std::uint64_t> numbers;
};

// What /proc and /sys hold is looked up in the very file systems that were mounted there: names in the root can change
// meanwhile where others may write to it (CVE-2019-19921), and then nothing would be found to restrict.
Place FindPlace(const Builder& b, const std::string& path) {
  const bool climbs = path.find("..") != std::string::npos;
  if (b.proc != kNoSlot && !climbs && path.starts_with("/proc/")) return {b.proc, {5}};
  if (b.sys != kNoSlot && !climbs && path.starts_with("/sys/")) return {b.sys, {4}};
  return {b.root, {}};
}

}  // namespace

bool IsDevMountedByUser(const oci::RuntimeSpec& spec) {
  for (const oci::Mount& mount : spec.mounts) {
    if (mount.destination != "/dev" && mount.destination != "/dev/") continue;
    if (mount.type == "bind") return true;
    for (const std::string& option : mount.options) {
      if (option == "bind" || option == "rbind") return true;
    }
  }
  return false;
}

void AddDevices(Builder& b, const oci::RuntimeSpec& spec) {
  if (IsDevMountedByUser(spec)) return;
  const std::vector<oci::Device>& devices = spec.linux_config.devices;
  for (std::size_t i = 0; i < devices.size(); ++i) AddDevice(b, devices[i], Indexed("linux.devices", i));
  for (const DefaultDevice& device : kDefaultDevices) {
    if (Listed(devices, device.path)) continue;
    oci::Device made;
    made.path = device.path;
    made.major = device.major;
    made.minor = device.minor;
    AddDevice(b, made, "default /dev");
  }
  AddLink(b, "pts/ptmx", "/dev/ptmx");
  AddLink(b, "/proc/self/fd", "/dev/fd");
  AddLink(b, "/proc/self/fd/0", "/dev/stdin");
  AddLink(b, "/proc/self/fd/1", "/dev/stdout");
  AddLink(b, "/proc/self/fd/2", "/dev/stderr");
  AddLink(b, "/proc/kcore", "/dev/core");
}

void AddPathRestrictions(Builder& b, const oci::RuntimeSpec& spec) {
  const std::vector<std::string>& readonly = spec.linux_config.readonly_paths;
  for (std::size_t i = 0; i < readonly.size(); ++i) {
    Place place = FindPlace(b, readonly[i]);
    b.Child(child::Op::kReadonlyPath, Indexed("linux.readonlyPaths", i), {readonly[i]}, std::move(place.numbers)).in = {
        place.root};
  }
  const std::vector<std::string>& masked = spec.linux_config.masked_paths;
  const int empty = masked.empty() ? kNoSlot : b.NewSlot();
  for (std::size_t i = 0; i < masked.size(); ++i) {
    if (std::find(masked.begin(), masked.begin() + static_cast<std::ptrdiff_t>(i), masked[i]) !=
        masked.begin() + static_cast<std::ptrdiff_t>(i))
      continue;  // one mask hides it
    Place place = FindPlace(b, masked[i]);
    Step& step = b.Child(child::Op::kMask, Indexed("linux.maskedPaths", i), {masked[i]}, std::move(place.numbers));
    step.in = {place.root, b.null_device};
    step.out = empty;
  }
  if (b.readonly_dev != kNoSlot) {
    b.Child(child::Op::kSetAttributes, "mounts", {}, {MOUNT_ATTR_RDONLY, 0, 0, 0}).in = {b.readonly_dev};
  }
  if (spec.root.readonly) {
    b.Child(child::Op::kSetAttributes, "root.readonly", {}, {MOUNT_ATTR_RDONLY, 0, 0, 0}).in = {b.root};
  }
}

}  // namespace estiba::plan
