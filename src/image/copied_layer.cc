#include "copied_layer.h"

#include <cerrno>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compare.h"
#include "mount_points.h"
#include "os/attributes.h"
#include "os/file.h"
#include "overlay_view.h"
#include "tree_archive.h"

namespace estiba::image {
namespace {

using FileId = std::pair<dev_t, ino_t>;

FileId IdOf(const struct stat& info) { return {info.st_dev, info.st_ino}; }

bool SameTime(const timespec& a, const timespec& b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; }

// By a descriptor of any kind, O_PATH ones too.
Result<bool> SameAttributes(int mine, int theirs) {
  os::Attributes left = TRY(os::ReadAttributes(mine));
  os::Attributes right = TRY(os::ReadAttributes(theirs));
  const auto left_out = [](const auto& attribute) { return !IsLayerAttribute(attribute.first); };
  std::erase_if(left, left_out);
  std::erase_if(right, left_out);
  return left == right;
}

Result<std::string> TargetOf(int link) {
  std::string target(PATH_MAX, '\0');
  const ssize_t size = ::readlinkat(link, "", target.data(), target.size());
  if (size < 0) return Error::Errno(errno, "read a symbolic link");
  target.resize(static_cast<std::size_t>(size));
  return target;
}

Result<bool> SameBytes(int mine, int theirs, off_t size) {
  // O_PATH descriptors of regular files: opening them has no side effect.
  const std::string magic = "/proc/self/fd/";
  const os::UniqueFd left = TRY(os::OpenAt({AT_FDCWD}, magic + std::to_string(mine), O_RDONLY));
  const os::UniqueFd right = TRY(os::OpenAt({AT_FDCWD}, magic + std::to_string(theirs), O_RDONLY));
  const std::optional<off_t> difference = TRY(FirstDifference(left.get(), right.get(), size));
  return !difference;
}

// What of a container's tree belongs into its layer.
struct LayerContent {
  // Paths of the copy. A directory in it is written with what is listed below it.
  enum class Extent : unsigned char { kListed, kWhole };
  std::map<std::string, Extent> written;
  std::map<std::string, std::vector<std::string>> gone;  // names of the image's, by their directory
};

class Finder {
 public:
  Finder(const ContainerTree& tree, const MountPoints& mount_points)
      : tree_(tree), copy_{tree.upper}, mount_points_(mount_points) {}

  Result<LayerContent> Run() {
    TRY(Visit(OverlayDirectory::Root(copy_), OverlayDirectory::Root(tree_.lowers), /*added=*/false, 0));
    // Names of one file go together: a layer can link to nothing that is not in it.
    for (const auto& [id, file] : linked_) {
      for (const std::string& path : file.names) {
        if (file.changed) TRY(Write(path, LayerContent::Extent::kWhole));
      }
    }
    return std::move(content_);
  }

 private:
  // A file of the copy that has several names, or whose counterpart in the image has.
  struct Linked {
    std::vector<std::string> names;
    std::optional<FileId> counterpart;
    bool changed = false;
  };
  struct Pair {
    OverlayPlace copy;
    OverlayPlace lower;
    bool added = false;
  };

  Status Visit(OverlayPlace place, OverlayPlace below, bool added, std::size_t depth) {
    TRY(CheckDepth(place, depth));
    std::vector<Pair> directories;
    {
      const OverlayDirectory here = TRY(OverlayDirectory::Open(copy_, std::move(place)));
      const OverlayDirectory lower = TRY(OverlayDirectory::Open(tree_.lowers, std::move(below)));
      if (!here.there()) return Ok();  // gone by now
      const std::vector<OverlayEntry> entries = TRY(here.List());
      for (const OverlayEntry& entry : entries) {
        if (TRY(mount_points_.Made(here, entry, lower))) continue;
        TRY(S_ISDIR(entry.info.st_mode) ? SeeDirectory(here, entry, lower, added, directories)
                                        : SeeFile(here, entry, lower, added));
      }
      TRY(FindGone(here, lower));
    }  // no descriptor stays open on the way down
    for (Pair& pair : directories) {
      if (pair.added) pair.lower.layers.clear();
      TRY(Visit(std::move(pair.copy), std::move(pair.lower), pair.added, depth + 1));
    }
    return Ok();
  }

  Status SeeDirectory(const OverlayDirectory& here, const OverlayEntry& entry, const OverlayDirectory& lower,
                      bool added, std::vector<Pair>& directories) {
    const std::string path = here.place().PathOf(entry.name);
    const std::optional<OverlayEntry> before = TRY(lower.Find(entry.name));
    const bool fresh = !before || !S_ISDIR(before->info.st_mode);
    if (fresh && (!added || mount_points_.Known(path))) TRY(Write(path, LayerContent::Extent::kWhole));
    const bool differs = !fresh && TRY(DirectoryDiffers(here, entry, lower, *before));
    if (differs) TRY(Write(path, LayerContent::Extent::kListed));
    directories.push_back({here.Below(entry.name), lower.Below(entry.name), fresh});
    return Ok();
  }

  Result<bool> DirectoryDiffers(const OverlayDirectory& here, const OverlayEntry& entry, const OverlayDirectory& lower,
                                const OverlayEntry& before) const {
    if (!SameOwnerAndMode(entry.info, before.info)) return true;
    // The making of a mount point in it set its time.
    const bool timeless = mount_points_.Known(here.place().PathOf(entry.name));
    if (!timeless && !SameTime(entry.info.st_mtim, before.info.st_mtim)) return true;
    return OthersDiffer(here, entry, lower, before);
  }

  Status SeeFile(const OverlayDirectory& here, const OverlayEntry& entry, const OverlayDirectory& lower, bool added) {
    const std::string path = here.place().PathOf(entry.name);
    const std::optional<OverlayEntry> before = TRY(lower.Find(entry.name));
    if (entry.info.st_nlink > 1 || (before && before->info.st_nlink > 1))
      return SeeLinked(here, entry, lower, before, path);
    if (added && !mount_points_.Known(path)) return Ok();  // its directory is written whole
    const bool differs = !before || TRY(FileDiffers(here, entry, lower, *before));
    return differs ? Write(path, LayerContent::Extent::kWhole) : Ok();
  }

  Status SeeLinked(const OverlayDirectory& here, const OverlayEntry& entry, const OverlayDirectory& lower,
                   const std::optional<OverlayEntry>& before, const std::string& path) {
    TRY(CheckChangeCount(++linked_names_));
    const FileId id = IdOf(entry.info);
    const auto [known, first] = linked_.try_emplace(id);
    Linked& file = known->second;
    file.names.push_back(path);
    if (!before) {
      file.changed = true;
      return Ok();
    }
    const FileId counterpart = IdOf(before->info);
    // One file here for each there, and the other way round.
    const auto [owner, mine] = owners_.try_emplace(counterpart, id);
    if (owner->second != id || (file.counterpart && *file.counterpart != counterpart)) file.changed = true;
    const bool compared = file.counterpart == counterpart;
    file.counterpart = counterpart;
    if (!file.changed && !compared) file.changed = TRY(FileDiffers(here, entry, lower, *before));
    return Ok();
  }

  Result<bool> FileDiffers(const OverlayDirectory& here, const OverlayEntry& entry, const OverlayDirectory& lower,
                           const OverlayEntry& before) const {
    const struct stat& a = entry.info;
    const struct stat& b = before.info;
    if (!SameOwnerAndMode(a, b) || a.st_rdev != b.st_rdev || a.st_size != b.st_size) return true;
    if (!SameTime(a.st_mtim, b.st_mtim)) return true;
    return OthersDiffer(here, entry, lower, before);
  }

  // Attributes, and the content of what has the same size and time.
  Result<bool> OthersDiffer(const OverlayDirectory& here, const OverlayEntry& entry, const OverlayDirectory& lower,
                            const OverlayEntry& before) const {
    const std::string context = "compare '" + here.place().PathOf(entry.name) + "'";
    const os::UniqueFd theirs = TRY_CTX(os::OpenAt({lower.Holder(before)}, before.name, O_PATH | O_NOFOLLOW), context);
    const auto mine = os::OpenAt({here.Holder(entry)}, entry.name, O_PATH | O_NOFOLLOW);
    if (!mine.ok() && mine.error().errnum() == ENOENT) return true;  // gone by now: the archive will see that too
    if (!mine.ok()) return mine.error().Clone();
    struct stat info {};  // of what is open: the name may stand for something else by now
    if (::fstat(mine->get(), &info) < 0) return Error::Errno(errno, context);
    if ((info.st_mode & S_IFMT) != (entry.info.st_mode & S_IFMT)) return true;
    const bool same = TRY_CTX(SameAttributes(mine->get(), theirs.get()), context);
    if (!same) return true;
    if (S_ISLNK(info.st_mode)) {
      const std::string target = TRY_CTX(TargetOf(mine->get()), context);
      const std::string expected = TRY_CTX(TargetOf(theirs.get()), context);
      return target != expected;
    }
    if (!S_ISREG(info.st_mode)) return false;
    if (info.st_size != before.info.st_size) return true;
    const bool equal = TRY_CTX(SameBytes(mine->get(), theirs.get(), info.st_size), context);
    return !equal;
  }

  Status FindGone(const OverlayDirectory& here, const OverlayDirectory& lower) {
    const std::vector<OverlayEntry> entries = TRY(lower.List());
    for (const OverlayEntry& entry : entries) {
      const std::optional<OverlayEntry> kept = TRY(here.Find(entry.name));
      if (kept) continue;
      content_.gone[here.place().path].push_back(entry.name);
      TRY(CheckChangeCount(++gone_));
      if (!here.place().path.empty()) TRY(Write(here.place().path, LayerContent::Extent::kListed));
    }
    return Ok();
  }

  // With the directories above it.
  Status Write(const std::string& path, LayerContent::Extent extent) {
    auto& known = content_.written.try_emplace(path, extent).first->second;
    if (extent == LayerContent::Extent::kWhole) known = extent;
    for (std::size_t slash = path.rfind('/'); slash != std::string::npos && slash != 0;
         slash = path.rfind('/', slash - 1)) {
      if (!content_.written.try_emplace(path.substr(0, slash), LayerContent::Extent::kListed).second) break;
    }
    return CheckChangeCount(content_.written.size());
  }

  const ContainerTree& tree_;
  const std::vector<int> copy_;
  const MountPoints& mount_points_;
  LayerContent content_;
  std::map<FileId, Linked> linked_;
  std::map<FileId, FileId> owners_;  // of files of the image: which of the copy has their names
  std::size_t linked_names_ = 0;
  std::size_t gone_ = 0;
};

class Writer {
 public:
  Writer(const ContainerTree& tree, const MountPoints& mount_points, const LayerContent& content,
         const codec::ByteSink& sink)
      : tree_(tree), copy_{tree.upper}, mount_points_(mount_points), content_(content),
        archive_(sink, {.user_xattrs = tree.user_xattrs, .layer = true}) {}

  Status Run() {
    const bool changed = TRY(RootChanged());
    if (changed) TRY(archive_.AddDirectory(tree_.upper, "./"));
    TRY(Visit(OverlayDirectory::Root(copy_), /*whole=*/false, 0));
    return archive_.Finish();
  }

 private:
  Result<bool> RootChanged() const {
    if (tree_.lowers.empty()) return true;
    struct stat ours {};
    struct stat theirs {};
    if (::fstat(tree_.upper, &ours) < 0) return Error::Errno(errno, "look at the container's root directory");
    if (::fstat(tree_.lowers.front(), &theirs) < 0) return Error::Errno(errno, "look at the image's root directory");
    if (!SameOwnerAndMode(ours, theirs)) return true;
    return !TRY_CTX(SameAttributes(tree_.upper, tree_.lowers.front()), "the container's root directory");
  }

  Status Visit(OverlayPlace place, bool whole, std::size_t depth) {
    TRY(CheckDepth(place, depth));
    std::vector<std::pair<OverlayPlace, bool>> directories;
    {
      const OverlayDirectory here = TRY(OverlayDirectory::Open(copy_, std::move(place)));
      if (!here.there()) return Ok();  // gone by now
      if (depth > 0) TRY(archive_.AddDirectory(here.top(), here.place().path + "/"));
      TRY(WriteGone(here.place()));
      const std::vector<OverlayEntry> entries = TRY(here.List());
      for (const OverlayEntry& entry : entries) {
        const std::string path = here.place().PathOf(entry.name);
        const auto found = content_.written.find(path);
        const bool listed = found != content_.written.end();
        if (!whole && !listed) continue;
        if (whole && mount_points_.Known(path) && !listed) continue;
        if (!S_ISDIR(entry.info.st_mode)) {
          TRY(archive_.Add(here.Holder(entry), entry, path));
        } else {
          directories.emplace_back(here.Below(entry.name),
                                   whole || found->second == LayerContent::Extent::kWhole);
        }
      }
    }
    for (auto& [deeper, all] : directories) TRY(Visit(std::move(deeper), all, depth + 1));
    return Ok();
  }

  Status WriteGone(const OverlayPlace& place) {
    const auto gone = content_.gone.find(place.path);
    if (gone == content_.gone.end()) return Ok();
    for (const std::string& name : gone->second) TRY(archive_.AddWhiteout(place.PathOf(name)));
    return Ok();
  }

  const ContainerTree& tree_;
  const std::vector<int> copy_;
  const MountPoints& mount_points_;
  const LayerContent& content_;
  TreeArchive archive_;
};

}  // namespace

Status WriteCopiedLayer(const ContainerTree& tree, const codec::ByteSink& sink) {
  const MountPoints mount_points(tree);
  const LayerContent content = TRY(Finder(tree, mount_points).Run());
  return Writer(tree, mount_points, content, sink).Run();
}

}  // namespace estiba::image
