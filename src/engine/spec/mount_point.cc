#include "mount_point.h"

#include <algorithm>

#include "../names.h"
#include "id_maps.h"
#include "base/text.h"

namespace estiba::engine {
namespace {

constexpr std::string_view kPropagations[] = {"private", "rprivate", "shared", "rshared", "slave", "rslave"};
// Options of a tmpfs we hand to the kernel; anything else would fail at start with a worse message.
constexpr std::string_view kTmpfsFlags[] = {"ro",     "rw",     "nosuid", "suid",       "nodev",    "dev",
                                            "noexec", "exec",   "sync",   "async",      "dirsync",  "noatime",
                                            "atime",  "relatime", "strictatime", "nodiratime", "diratime"};
constexpr std::string_view kTmpfsData[] = {"size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol"};

template <typename Range>
bool Contains(const Range& range, std::string_view item) {
  return std::find(std::begin(range), std::end(range), item) != std::end(range);
}

Error Invalid(std::string_view text, std::string_view why) {
  std::string what = "invalid volume specification: '" + std::string(text) + "'";
  if (!why.empty()) what += ": " + std::string(why);
  return Error(Code::kInvalidArgument, std::move(what));
}

Result<std::string> Target(std::string_view text) {
  if (text.empty() || text[0] != '/') {
    return Error(Code::kInvalidArgument, "invalid mount path: '" + std::string(text) + "' mount path must be absolute");
  }
  std::string clean = CleanPath(text);
  if (clean == "/") {
    return Error(Code::kInvalidArgument, "invalid specification: destination can't be '/'");
  }
  return clean;
}

Status ApplyMode(MountPoint& mount, std::string_view text, std::string_view mode) {
  bool access = false;
  for (const std::string& word : Split(mode, ',')) {
    if (word == "ro" || word == "rw") {
      if (access) return Invalid(text, "invalid mode: " + std::string(mode));
      access = true;
      mount.read_only = word == "ro";
    } else if (Contains(kPropagations, word) && mount.kind == MountPoint::Kind::kBind && mount.propagation.empty()) {
      mount.propagation = word;
    } else if (word == "idmap" && mount.id_map.empty()) {
      mount.id_map = kContainerIds;
    } else if (word.starts_with("idmap=") && mount.id_map.empty()) {
      mount.id_map = word.substr(6);
      TRY(ParseIdMap(mount.id_map, nullptr));
    } else if (word == "nocopy" && mount.kind == MountPoint::Kind::kVolume) {
      mount.no_copy = true;
    } else if (word != "z" && word != "Z" && word != "cached" && word != "delegated" && word != "consistent") {
      // z and Z relabel for SELinux, which does nothing where it is off; the last three are for Macs.
      return Invalid(text, "invalid mode: " + std::string(mode));
    }
  }
  return Ok();
}

}  // namespace

std::string CleanPath(std::string_view path) {
  std::vector<std::string> kept;
  for (std::string& part : Split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      kept.push_back(std::move(part));
    } else if (!kept.empty()) {
      kept.pop_back();
    }
  }
  return "/" + Join(kept, "/");
}

Result<MountPoint> ParseBind(std::string_view text) {
  const std::vector<std::string> parts = Split(text, ':');
  if (parts.size() < 2 || parts.size() > 3 || parts[0].empty()) return Invalid(text, "");
  MountPoint mount;
  mount.target = TRY(Target(parts[1]));
  if (parts[0][0] == '/') {
    mount.source = CleanPath(parts[0]);
    mount.create_source = true;
  } else {
    mount.kind = MountPoint::Kind::kVolume;
    mount.source = parts[0];
    TRY(CheckName(mount.source, "local volume"));
  }
  if (parts.size() == 3) {
    mount.mode = parts[2];
    TRY(ApplyMode(mount, text, parts[2]));
  }
  return mount;
}

Result<MountPoint> ParseTmpfs(std::string_view target, std::string_view options) {
  MountPoint mount;
  mount.kind = MountPoint::Kind::kTmpfs;
  mount.target = TRY(Target(target));
  mount.options = options;
  if (options.empty()) return mount;
  for (const std::string& option : Split(options, ',')) {
    const std::string key = option.substr(0, option.find('='));
    if (key == option ? !Contains(kTmpfsFlags, key) : !Contains(kTmpfsData, key)) {
      return Error(Code::kInvalidArgument, "invalid tmpfs option '" + option + "' for '" + mount.target + "'");
    }
    if (option == "ro") mount.read_only = true;
  }
  return mount;
}

Result<MountPoint> AnonymousVolume(std::string_view target) {
  MountPoint mount;
  mount.kind = MountPoint::Kind::kVolume;
  mount.anonymous = true;
  mount.target = TRY(Target(target));
  return mount;
}

Status SortMounts(std::vector<MountPoint>& mounts) {
  std::stable_sort(mounts.begin(), mounts.end(), [](const MountPoint& a, const MountPoint& b) {
    const auto depth = [](const std::string& path) { return std::count(path.begin(), path.end(), '/'); };
    const auto da = depth(a.target);
    const auto db = depth(b.target);
    return da != db ? da < db : a.target < b.target;
  });
  for (std::size_t i = 1; i < mounts.size(); ++i) {
    if (mounts[i].target == mounts[i - 1].target) {
      return Error(Code::kInvalidArgument, "Duplicate mount point: " + mounts[i].target);
    }
  }
  return Ok();
}

}  // namespace estiba::engine
