#include "container_tree.h"

#include <algorithm>
#include <cerrno>
#include <map>
#include <utility>

#include <fcntl.h>

#include "copied_layer.h"
#include "mount_points.h"
#include "os/attributes.h"
#include "os/file.h"
#include "overlay_view.h"
#include "tree.h"
#include "tree_archive.h"

namespace estiba::image {
namespace {

std::vector<int> UpperOf(const ContainerTree& tree) {
  return tree.upper < 0 ? std::vector<int>{} : std::vector<int>{tree.upper};
}

std::string CapabilityOf(const OverlayDirectory& directory, const OverlayEntry& entry) {
  const auto file = os::OpenAt({directory.Holder(entry)}, entry.name, O_PATH | O_NOFOLLOW);
  if (!file.ok()) return {};
  const auto value = os::ReadAttribute(file->get(), "security.capability");
  return value.ok() ? value->value_or("") : "";
}

// ---- the layer

// A directory's entry comes right before those below it: GNU tar gives a directory its time when the next entry is
// elsewhere, and loses it when something comes in later.
class LayerWriter {
 public:
  LayerWriter(const ContainerTree& tree, const codec::ByteSink& sink)
      : tree_(tree), upper_(UpperOf(tree)), mount_points_(tree),
        archive_(sink, {.user_xattrs = tree.user_xattrs, .layer = true}) {}

  Status Run() {
    if (tree_.upper >= 0) {
      const bool changed = TRY(RootChanged());
      if (changed) TRY(archive_.AddDirectory(tree_.upper, "./"));
      TRY(Visit(OverlayDirectory::Root(upper_), OverlayDirectory::Root(tree_.lowers), 0));
    }
    return archive_.Finish();
  }

 private:
  Result<bool> RootChanged() const {
    struct stat ours {};
    if (::fstat(tree_.upper, &ours) < 0) return Error::Errno(errno, "look at the container's root directory");
    if (tree_.lowers.empty()) return true;
    struct stat theirs {};
    if (::fstat(tree_.lowers.front(), &theirs) < 0) return Error::Errno(errno, "look at the image's root directory");
    if (!SameOwnerAndMode(ours, theirs)) return true;
    // Attributes of the root are rare: any that are not overlayfs's own are told again.
    const os::Attributes attributes = TRY_CTX(os::ReadAttributes(tree_.upper), "the container's root directory");
    return std::ranges::any_of(attributes, [](const auto& attribute) {
      return !os::IsOverlayAttribute(attribute.first) && attribute.first != "security.selinux";
    });
  }

  Status Visit(OverlayPlace place, OverlayPlace below, std::size_t depth) {
    TRY(CheckDepth(place, depth));
    std::vector<std::pair<OverlayPlace, OverlayPlace>> directories;
    {
      const OverlayDirectory here = TRY(OverlayDirectory::Open(upper_, std::move(place)));
      const OverlayDirectory lower = TRY(OverlayDirectory::Open(tree_.lowers, std::move(below)));
      if (!here.there()) return Ok();  // gone by now
      if (depth > 0) TRY(archive_.AddDirectory(here.top(), here.place().path + "/"));
      if (here.opaque()) TRY(archive_.AddOpaque(here.place().path));
      const std::vector<OverlayEntry> entries = TRY(here.List(Whiteouts::kShow));
      for (const OverlayEntry& entry : entries) {
        if (TRY(mount_points_.Made(here, entry, lower))) continue;
        if (S_ISDIR(entry.info.st_mode)) {
          directories.emplace_back(here.Below(entry.name), lower.Below(entry.name));
        } else {
          TRY(AddOne(here, entry));
        }
      }
    }  // no descriptor stays open on the way down
    for (auto& [deeper, lower] : directories) TRY(Visit(std::move(deeper), std::move(lower), depth + 1));
    return Ok();
  }

  Status AddOne(const OverlayDirectory& here, const OverlayEntry& entry) {
    const std::string path = here.place().PathOf(entry.name);
    return entry.whiteout ? archive_.AddWhiteout(path) : archive_.Add(here.Holder(entry), entry, path);
  }

  const ContainerTree& tree_;
  const std::vector<int> upper_;
  const MountPoints mount_points_;
  TreeArchive archive_;
};

// ---- the whole tree

class TreeWriter {
 public:
  TreeWriter(const ContainerTree& tree, const codec::ByteSink& sink)
      : roots_(UpperOf(tree)), archive_(sink, {.user_xattrs = tree.user_xattrs}) {
    if (!tree.copied) roots_.insert(roots_.end(), tree.lowers.begin(), tree.lowers.end());
  }
  TreeWriter(int directory, const codec::ByteSink& sink)
      : roots_{directory}, whiteouts_(Whiteouts::kShow), archive_(sink, {.plain = true}) {}

  Status Run() {
    if (whiteouts_ == Whiteouts::kShow) TRY(archive_.AddDirectory(roots_.front(), "./"));
    TRY(Visit(OverlayDirectory::Root(roots_), 0));
    return archive_.Finish();
  }

 private:
  Status Visit(OverlayPlace place, std::size_t depth) {
    TRY(CheckDepth(place, depth));
    std::vector<OverlayPlace> directories;
    {
      const OverlayDirectory here = TRY(OverlayDirectory::Open(roots_, std::move(place)));
      if (!here.there()) return Ok();  // gone by now
      if (depth > 0) TRY(archive_.AddDirectory(here.top(), here.place().path + "/"));
      const std::vector<OverlayEntry> entries = TRY(here.List(whiteouts_));
      for (const OverlayEntry& entry : entries) {
        if (S_ISDIR(entry.info.st_mode)) {
          directories.push_back(here.Below(entry.name));
        } else {
          TRY(archive_.Add(here.Holder(entry), entry, here.place().PathOf(entry.name)));
        }
      }
    }
    for (OverlayPlace& deeper : directories) TRY(Visit(std::move(deeper), depth + 1));
    return Ok();
  }

  std::vector<int> roots_;
  Whiteouts whiteouts_ = Whiteouts::kApply;
  TreeArchive archive_;
};

// ---- what differs

class Comparer {
 public:
  explicit Comparer(const ContainerTree& tree) : tree_(tree), upper_(UpperOf(tree)), mount_points_(tree) {}

  Result<std::vector<Change>> Run() {
    if (tree_.upper >= 0)
      TRY(Compare(OverlayDirectory::Root(upper_), OverlayDirectory::Root(tree_.lowers), 0));
    std::vector<Change> out;
    for (auto& [path, kind] : changes_) out.push_back({"/" + path, kind});
    return out;
  }

 private:
  struct Pair {
    OverlayPlace upper;
    OverlayPlace lower;
    bool added = false;
  };

  Status Compare(OverlayPlace place, OverlayPlace below, std::size_t depth) {
    TRY(CheckDepth(place, depth));
    std::vector<Pair> directories;
    {
      const OverlayDirectory upper = TRY(OverlayDirectory::Open(upper_, std::move(place)));
      const OverlayDirectory lower = TRY(OverlayDirectory::Open(tree_.lowers, std::move(below)));
      const std::vector<OverlayEntry> entries = TRY(upper.List(Whiteouts::kShow));
      for (const OverlayEntry& entry : entries) TRY(CompareOne(upper, lower, entry, directories));
      if (upper.opaque() || tree_.copied) TRY(FindHidden(upper, lower));
    }
    for (Pair& pair : directories) {
      if (pair.added) pair.lower.layers.clear();
      TRY(Compare(std::move(pair.upper), std::move(pair.lower), depth + 1));
    }
    return Ok();
  }

  Status CompareOne(const OverlayDirectory& upper, const OverlayDirectory& lower, const OverlayEntry& entry,
                    std::vector<Pair>& directories) {
    const std::string path = upper.place().PathOf(entry.name);
    const std::optional<OverlayEntry> before = TRY(lower.Find(entry.name));
    if (entry.whiteout) return before ? Add(path, ChangeKind::kDeleted) : Ok();
    if (TRY(mount_points_.Made(upper, entry, lower))) return Ok();
    if (!before) {
      TRY(Add(path, ChangeKind::kAdded));
    } else if (Differ(upper, entry, lower, *before)) {
      TRY(Add(path, ChangeKind::kModified));
    }
    const bool goes_on = before && S_ISDIR(before->info.st_mode);
    if (S_ISDIR(entry.info.st_mode))
      directories.push_back({upper.Below(entry.name), lower.Below(entry.name), !goes_on});
    return Ok();
  }

  // Of files the time and size tell, of directories they say nothing.
  static bool Differ(const OverlayDirectory& upper, const OverlayEntry& now, const OverlayDirectory& lower,
                     const OverlayEntry& before) {
    const struct stat& a = now.info;
    const struct stat& b = before.info;
    if (!SameOwnerAndMode(a, b) || a.st_rdev != b.st_rdev) return true;
    if (S_ISDIR(a.st_mode)) return false;
    if (a.st_size != b.st_size || a.st_mtim.tv_sec != b.st_mtim.tv_sec || a.st_mtim.tv_nsec != b.st_mtim.tv_nsec)
      return true;
    return S_ISREG(a.st_mode) && CapabilityOf(upper, now) != CapabilityOf(lower, before);
  }

  // What a directory had and has no more, that was deleted and made again or is a copy.
  Status FindHidden(const OverlayDirectory& upper, const OverlayDirectory& lower) {
    const std::vector<OverlayEntry> entries = TRY(lower.List());
    for (const OverlayEntry& entry : entries) {
      const std::optional<OverlayEntry> kept = TRY(upper.Find(entry.name));
      if (!kept) TRY(Add(lower.place().PathOf(entry.name), ChangeKind::kDeleted));
    }
    return Ok();
  }

  // With the directories above it, which have a change below them.
  Status Add(const std::string& path, ChangeKind kind) {
    changes_[path] = kind;
    for (std::size_t slash = path.rfind('/'); slash != std::string::npos && slash != 0;
         slash = path.rfind('/', slash - 1)) {
      if (!changes_.try_emplace(path.substr(0, slash), ChangeKind::kModified).second) break;
    }
    return CheckChangeCount(changes_.size());
  }

  const ContainerTree& tree_;
  const std::vector<int> upper_;
  const MountPoints mount_points_;
  std::map<std::string, ChangeKind> changes_;
};

}  // namespace

Status WriteLayer(const ContainerTree& tree, const codec::ByteSink& sink) {
  return tree.copied ? WriteCopiedLayer(tree, sink) : LayerWriter(tree, sink).Run();
}

Status WriteTree(const ContainerTree& tree, const codec::ByteSink& sink) { return TreeWriter(tree, sink).Run(); }

Status WriteDirectory(int directory, const codec::ByteSink& sink) { return TreeWriter(directory, sink).Run(); }

Result<std::vector<Change>> ListChanges(const ContainerTree& tree) { return Comparer(tree).Run(); }

}  // namespace estiba::image
