#pragma once
// Mounts by descriptor (fsopen(2), open_tree(2), move_mount(2), mount_setattr(2); kernel ≥ 5.2, attributes ≥ 5.12).

#include <cstdint>
#include <string>
#include <vector>

#include "os/fd.h"

namespace estiba::os {

// A mount or tree of mounts that no path reaches yet. Dropped unattached, the kernel unmounts it.
class DetachedMount {
 public:
  DetachedMount() = default;
  explicit DetachedMount(UniqueFd fd) : fd_(std::move(fd)) {}
  int fd() const { return fd_.get(); }
  bool valid() const { return fd_.valid(); }
  [[nodiscard]] UniqueFd Release() { return std::move(fd_); }

 private:
  UniqueFd fd_;
};

// A file system being configured.
class FilesystemContext {
 public:
  static Result<FilesystemContext> Open(const std::string& type);
  Status SetString(const std::string& key, const std::string& value);
  Status SetFlag(const std::string& key);
  // Superblock, then mount; MOUNT_ATTR_… in `attributes`.
  Result<DetachedMount> Mount(std::uint64_t attributes);

 private:
  explicit FilesystemContext(std::string type, UniqueFd fd) : type_(std::move(type)), fd_(std::move(fd)) {}
  // What the file system logged, "; "-joined: why an option was refused.
  std::string Log() const;
  std::string type_;
  UniqueFd fd_;
};

// A copy of what is mounted at `path` (OPEN_TREE_CLONE); with everything below it when `recursive`.
Result<DetachedMount> CloneTree(DirFd dir, const std::string& path, bool recursive, bool follow = true);

// Mounts it over the directory `path` (move_mount(2)); `mount` is then that place.
Status AttachMount(int mount, const std::string& path);

// Which mount an open file is on (statx(2), kernel ≥ 5.8).
struct MountId {
  std::uint64_t number = 0;
  bool unique = false;  // never given again (6.8)
};
Result<MountId> MountIdOf(int fd);

struct MountAttributes {
  std::uint64_t set = 0;          // MOUNT_ATTR_…
  std::uint64_t clear = 0;
  std::uint64_t propagation = 0;  // MS_PRIVATE, …; 0 keeps it
  int user_namespace = -1;        // MOUNT_ATTR_IDMAP
};
Status SetMountAttributes(int mount, const MountAttributes& attributes, bool recursive);

}  // namespace estiba::os
