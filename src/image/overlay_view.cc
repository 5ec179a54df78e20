#include "overlay_view.h"

#include <algorithm>
#include <cerrno>
#include <numeric>
#include <unordered_set>

#include <fcntl.h>
#include <sys/xattr.h>

#include "os/attributes.h"
#include "os/file.h"
#include "tree.h"

namespace estiba::image {
namespace {

constexpr std::size_t kMaxDepth = 2048;  // PATH_MAX bytes hold no more names
constexpr std::size_t kMaxChanges = 2'000'000;
constexpr std::size_t kMaxNames = 1'000'000;
constexpr int kOpenDirectory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;

bool HasWhiteoutAttribute(int parent, const std::string& name) {
  const auto file = os::OpenAt({parent}, name, O_PATH | O_NOFOLLOW);
  if (!file.ok()) return false;
  const std::string path = "/proc/self/fd/" + std::to_string(file->get());
  return ::getxattr(path.c_str(), "trusted.overlay.whiteout", nullptr, 0) >= 0 ||
         ::getxattr(path.c_str(), "user.overlay.whiteout", nullptr, 0) >= 0;
}

}  // namespace

bool SameOwnerAndMode(const struct stat& a, const struct stat& b) {
  return a.st_mode == b.st_mode && a.st_uid == b.st_uid && a.st_gid == b.st_gid;
}

Status CheckDepth(const OverlayPlace& place, std::size_t depth) {
  if (depth <= kMaxDepth) return Ok();
  return Error(Code::kResourceExhausted,
               "directories are nested too deeply at '" + place.path.substr(0, 256) + "…'");
}

Status CheckChangeCount(std::size_t changes) {
  if (changes <= kMaxChanges) return Ok();
  return Error(Code::kResourceExhausted, "the container has more than two million changes");
}

OverlayPlace OverlayDirectory::Root(const std::vector<int>& roots) {
  OverlayPlace place;
  place.layers.resize(roots.size());
  std::iota(place.layers.begin(), place.layers.end(), std::size_t{0});
  return place;
}

Result<OverlayDirectory> OverlayDirectory::Open(const std::vector<int>& roots, OverlayPlace place) {
  OverlayDirectory out;
  out.place_ = std::move(place);
  for (const std::size_t layer : out.place_.layers) {
    const std::string path = out.place_.path.empty() ? "." : out.place_.path;
    auto opened = os::OpenBeneath({roots[layer]}, path, kOpenDirectory);
    if (!opened.ok()) {
      const int err = opened.error().errnum();
      if (err == ENOENT) continue;
      if (err == ENOTDIR || err == ELOOP) break;  // what stands here hides the layers below
      return std::move(opened).error();
    }
    Part& part = out.parts_.emplace_back();
    part.directory = std::move(opened).value();
    part.layer = layer;
    const char mark = os::OverlayMark(part.directory.get());
    part.opaque = mark == 'y';
    part.marked_files = mark == 'x';
    if (part.opaque) break;
  }
  return out;
}

bool OverlayDirectory::IsWhiteout(const Part& part, const std::string& name, const struct stat& info) const {
  if (image::IsWhiteout(info)) return true;
  return part.marked_files && S_ISREG(info.st_mode) && info.st_size == 0 &&
         HasWhiteoutAttribute(part.directory.get(), name);
}

Result<std::vector<OverlayEntry>> OverlayDirectory::List(Whiteouts whiteouts) const {
  std::vector<OverlayEntry> out;
  std::unordered_set<std::string> seen;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const Part& part = parts_[i];
    std::vector<std::string> names = TRY_CTX(os::ListDirectory({part.directory.get()}, "."), "'" + place_.path + "'");
    for (std::string& name : names) {
      if (i > 0 && seen.contains(name)) continue;
      OverlayEntry entry;
      if (::fstatat(part.directory.get(), name.c_str(), &entry.info, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno == ENOENT) continue;
        return Error::Errno(errno, "look at '" + place_.PathOf(name) + "'");
      }
      entry.part = i;
      entry.whiteout = IsWhiteout(part, name, entry.info);
      if (parts_.size() > 1) seen.insert(name);
      if (entry.whiteout && (whiteouts == Whiteouts::kApply || i > 0)) continue;
      entry.name = std::move(name);
      out.push_back(std::move(entry));
      if (out.size() > kMaxNames)
        return Error(Code::kResourceExhausted, "directory '" + place_.path + "' has more than a million names");
    }
  }
  std::ranges::sort(out, {}, &OverlayEntry::name);
  return out;
}

Result<std::optional<OverlayEntry>> OverlayDirectory::Find(const std::string& name) const {
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    OverlayEntry entry;
    entry.name = name;
    entry.part = i;
    if (::fstatat(parts_[i].directory.get(), name.c_str(), &entry.info, AT_SYMLINK_NOFOLLOW) < 0) {
      if (errno == ENOENT) continue;
      return Error::Errno(errno, "look at '" + place_.PathOf(name) + "'");
    }
    if (IsWhiteout(parts_[i], name, entry.info)) break;
    return std::optional<OverlayEntry>(std::move(entry));
  }
  return std::optional<OverlayEntry>();
}

OverlayPlace OverlayDirectory::Below(const std::string& name) const {
  OverlayPlace place;
  place.path = place_.PathOf(name);
  for (const Part& part : parts_) place.layers.push_back(part.layer);
  return place;
}

}  // namespace estiba::image
