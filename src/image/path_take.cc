// What is at a path: told, and put into an archive.

#include <chrono>
#include <optional>

#include <fcntl.h>

#include "apitypes/path_stat.h"
#include "base/clock.h"
#include "base/path.h"
#include "os/file.h"
#include "overlay_view.h"
#include "path_jobs.h"
#include "path_lookup.h"
#include "path_names.h"
#include "tree_archive.h"

namespace estiba::image {
namespace {

std::string TellStat(const FoundPath& found, int root) {
  apitypes::PathStat stat;
  stat.name = LastName(found.path);
  stat.size = found.info.st_size;
  stat.mode = apitypes::GoFileMode(found.info.st_mode);
  const auto since = std::chrono::seconds(found.info.st_mtim.tv_sec) +
                     std::chrono::nanoseconds(found.info.st_mtim.tv_nsec);
  stat.mtime = FormatRfc3339(WallTime(since));
  if (stat.IsSymlink()) stat.link_target = FollowLinks(root, found.path);
  return stat.ToJson().Dump();
}

// A directory with all that is below it. Others may change it meanwhile: it is walked by descriptor, beneath the one it
// began with.
class TreeTaker {
 public:
  // `whole`: it is a container's root.
  TreeTaker(TreeArchive& archive, int directory, std::string base, bool whole)
      : archive_(archive), roots_{directory}, base_(std::move(base)), whole_(whole) {}

  Status Run() { return Visit(OverlayDirectory::Root(roots_), 0); }

 private:
  // As docker, which copies from the files that a container keeps: of what the engine mounts in every one of them only
  // the places are shown.
  Result<bool> Shown(const OverlayDirectory& here) const {
    if (IsKernels(here.top())) return false;
    if (!whole_ || here.place().path != "dev") return true;
    struct stat root {};
    struct stat dev {};
    if (::fstat(roots_.front(), &root) < 0 || ::fstat(here.top(), &dev) < 0)
      return Error::Errno(errno, "look at '/dev'");
    return root.st_dev == dev.st_dev;
  }

  Status Visit(OverlayPlace place, std::size_t depth) {
    TRY(CheckDepth(place, depth));
    std::vector<OverlayPlace> directories;
    {
      const OverlayDirectory here = TRY(OverlayDirectory::Open(roots_, std::move(place)));
      if (!here.there()) return Ok();  // gone by now
      const std::string& path = here.place().path;
      TRY(archive_.AddDirectory(here.top(), EntryName(base_, path.empty() ? "" : path + "/")));
      const bool shown = TRY(Shown(here));
      if (!shown) return Ok();
      const std::vector<OverlayEntry> entries = TRY(here.List(Whiteouts::kShow));
      for (const OverlayEntry& entry : entries) {
        if (S_ISDIR(entry.info.st_mode)) {
          directories.push_back(here.Below(entry.name));
        } else {
          TRY(archive_.Add(here.Holder(entry), entry, EntryName(base_, here.place().PathOf(entry.name))));
        }
      }
    }  // no descriptor stays open on the way down
    for (OverlayPlace& deeper : directories) TRY(Visit(std::move(deeper), depth + 1));
    return Ok();
  }

  TreeArchive& archive_;
  const std::vector<int> roots_;
  const std::string base_;
  const bool whole_;
};

Status WriteFound(TreeArchive& archive, int file, const struct stat& info, const std::string& base, bool whole) {
  if (!S_ISDIR(info.st_mode)) return archive.AddOpen(file, base);
  const os::UniqueFd directory = TRY(os::OpenAt({file}, ".", O_RDONLY | O_DIRECTORY));
  return TreeTaker(archive, directory.get(), base, whole).Run();
}

codec::ByteSink SinkTo(int archive) {
  return [archive](std::string_view bytes) -> Status {
    return TRY_CTX(os::WriteAll(archive, bytes), "write the archive");
  };
}

// `write` is f(sink).
template <typename Write>
Status Send(int archive, bool compressed, const Write& write) {
  if (!compressed) return write(SinkTo(archive));
  codec::GzipWriter gzip(SinkTo(archive));
  TRY(write([&gzip](std::string_view bytes) { return gzip.Write(bytes); }));
  return gzip.Finish();
}

}  // namespace

Status StatPath(const TransferJob& job, int root, Reporter& reporter) {
  const FoundPath found = TRY(FindPath(job.path, root));
  reporter.Answer(TellStat(found, root));
  return Ok();
}

Status TakePath(const TransferJob& job, int root, int archive, Reporter& reporter) {
  const FoundPath found = TRY(FindPath(job.path, root));
  reporter.Answer(TellStat(found, root));
  ArchiveOptions options;
  options.plain = true;
  options.capabilities_only = true;
  options.uids = &job.path.uids;
  options.gids = &job.path.gids;
  return Send(archive, job.path.gzip, [&](const codec::ByteSink& sink) -> Status {
    TreeArchive out(sink, options);
    const bool whole = CleanContainerPath(found.path + "/") == "/";
    TRY(WriteFound(out, found.file.get(), found.info, LastName(found.path), whole));
    return out.Finish();
  });
}

Status TakeFromHost(const TransferJob& job, int directory, int archive) {
  const os::UniqueFd file = TRY(os::OpenAt({directory}, job.path.path, O_PATH | O_NOFOLLOW));
  struct stat info {};
  if (::fstat(file.get(), &info) < 0) return Error::Errno(errno, "look at '" + job.path.path + "'");
  ArchiveOptions options;
  options.plain = true;
  options.capabilities_only = true;
  return Send(archive, /*compressed=*/false, [&](const codec::ByteSink& sink) -> Status {
    TreeArchive out(sink, options);
    TRY(WriteFound(out, file.get(), info, job.path.base, /*whole=*/false));
    return out.Finish();
  });
}

}  // namespace estiba::image
