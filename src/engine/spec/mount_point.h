#pragma once
// What `-v`, `--mount`, `--tmpfs` and an image's VOLUME ask for, in one form. Pure.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace estiba::engine {

struct MountPoint {
  enum class Kind : unsigned char { kBind, kVolume, kTmpfs, kImage };
  Kind kind = Kind::kBind;
  std::string source;  // host path of a bind, name of a volume (empty: anonymous, made at creation) or of an image
  std::string target;  // clean absolute path in the container
  bool read_only = false;
  bool no_copy = false;        // a fresh volume is not filled from the image
  bool anonymous = false;      // goes away with `rm -v` and `--rm`
  bool create_source = false;  // a missing host folder is made, as `-v` always did
  bool recursive = true;       // mounts below the source come along
  bool read_only_recursive = true;
  bool read_only_forced = false;  // …or not at all
  std::string propagation;     // rprivate, shared…; empty is the default
  std::string options;         // a tmpfs's data: "size=64m,mode=1777"
  std::string mode;            // as it was written, for inspect
  std::string field;           // the configuration it came from: "HostConfig.Binds[0]"
  std::string subpath;         // of a volume or image; relative
  std::string id_map;          // empty: none; "container": the container's user namespace; "uids=…;gids=…"
  std::map<std::string, std::string> labels;          // of a volume that is made for it
  std::map<std::string, std::string> driver_options;  // of such a volume
  std::string image_id;             // of an image
  std::vector<std::string> layers;  // of an image: chain ids, lowest first
};

// MountPoint::id_map of a mount that shows what the container's user namespace would.
inline constexpr const char* kContainerIds = "container";

// "/a//b/./../c" → "/a/c"; lexical, for paths we were told, never for walking a rootfs.
std::string CleanPath(std::string_view path);

// "SOURCE:TARGET[:OPTIONS]".
Result<MountPoint> ParseBind(std::string_view text);
// A target and its options as `--tmpfs` has them.
Result<MountPoint> ParseTmpfs(std::string_view target, std::string_view options);
// An anonymous volume at `target`.
Result<MountPoint> AnonymousVolume(std::string_view target);

// Refuses two mounts on one target; sorts so that parents are mounted before what lies below them.
Status SortMounts(std::vector<MountPoint>& mounts);

}  // namespace estiba::engine
