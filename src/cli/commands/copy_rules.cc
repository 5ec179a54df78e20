#include "commands/copy_rules.h"

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <memory>

#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "os/file.h"

namespace estiba::cli {
namespace {

constexpr int kMostLinks = 10;  // docker's

bool AsksForDirectory(std::string_view path) { return path.ends_with('/') || LastName(path) == "."; }

Result<struct stat> Look(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) == 0) return info;
  return Error::Errno(errno, "lstat " + path);
}

Result<std::string> Absolute(const std::string& path) {
  if (path.starts_with('/')) return CleanedKeepingEnd(path);
  const std::unique_ptr<char, decltype(&std::free)> here(::getcwd(nullptr, 0), &std::free);
  if (here == nullptr) return Error::Errno(errno, "find the working directory");
  return CleanedKeepingEnd(std::string(here.get()) + "/" + path);
}

Result<std::string> RealPath(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), &std::free);
  if (real == nullptr) return Error::Errno(errno, "lstat " + path);
  return std::string(real.get());
}

}  // namespace

CopyArgument SplitCopyArgument(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (text.starts_with('/') || text.starts_with('.') || colon == std::string_view::npos) return {"", std::string(text)};
  return {std::string(text.substr(0, colon)), std::string(text.substr(colon + 1))};
}

FolderAndName SplitLastName(std::string_view path) {
  std::string clean = CleanedPath(path);
  if (LastName(path) == ".") clean += "/.";
  const std::size_t slash = clean.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : clean.substr(0, slash);
  return {folder, LastName(clean)};
}

std::string ResolveLink(std::string_view path, const std::string& target) {
  return target.starts_with('/') ? target : CleanedPath(SplitLastName(path).folder + "/" + target);
}

CopyEnd FollowedSource(std::string_view path, std::string resolved) {
  CopyEnd end;
  if (LastName(path) == "." && LastName(resolved) != ".") resolved += "/.";
  if (path.ends_with('/') && !resolved.ends_with('/')) resolved += '/';
  if (LastName(path) != LastName(resolved)) end.name = LastName(path);
  end.path = std::move(resolved);
  end.exists = true;
  return end;
}

Result<CopyPlan> PlanCopy(const CopyEnd& source, const CopyEnd& destination) {
  if (destination.exists && destination.directory) return CopyPlan{destination.path, source.name};
  if (destination.exists && source.directory) return Error(Code::kInvalidArgument, "cannot copy directory");
  if (!destination.exists && !source.directory && AsksForDirectory(destination.path))
    return Error(Code::kInvalidArgument, "no such directory");
  const FolderAndName at = SplitLastName(destination.path);
  return CopyPlan{at.folder, at.name};
}

Result<CopyEnd> FindHostSource(const std::string& path, bool follow) {
  const std::string full = TRY(Absolute(path));
  CopyEnd end;
  if (follow) {
    end = FollowedSource(full, TRY(RealPath(full)));
  } else {
    const std::size_t slash = full.rfind('/');
    const std::string folder = TRY(RealPath(full.substr(0, slash + 1)));
    end.path = (folder == "/" ? "" : folder) + "/" + full.substr(slash + 1);
    if (full.ends_with('/') && LastName(full) != LastName(end.path)) end.name = LastName(full);
  }
  const struct stat info = TRY(Look(end.path));
  end.exists = true;
  end.directory = S_ISDIR(info.st_mode);
  return end;
}

Result<CopyEnd> FindHostDestination(const std::string& path) {
  CopyEnd end;
  end.path = TRY(Absolute(path));
  auto found = Look(end.path);
  for (int links = 0; found.ok() && S_ISLNK(found->st_mode); ++links) {
    if (links > kMostLinks) return Error(Code::kInvalidArgument, "too many symlinks in " + path);
    end.path = ResolveLink(end.path, TRY(os::ReadLink(end.path)));
    found = Look(end.path);
  }
  if (found.ok()) {
    end.exists = true;
    end.directory = S_ISDIR(found->st_mode);
    if (!S_ISDIR(found->st_mode) && !S_ISREG(found->st_mode) &&
        (S_ISCHR(found->st_mode) || S_ISBLK(found->st_mode)))
      return Error(Code::kInvalidArgument, "invalid output path: \"" + end.path +
                                               "\" must be a directory or a regular file: got a device");
    return end;
  }
  if (found.error().errnum() != ENOENT) return found.error().Clone();
  const std::string folder = SplitLastName(end.path).folder;
  struct stat info {};
  if (::stat(folder.c_str(), &info) < 0)
    return Error(Code::kNotFound, "invalid output path: directory \"" + folder + "\" does not exist");
  if (!S_ISDIR(info.st_mode)) return Error(Code::kInvalidArgument, "not a directory");
  return end;
}

}  // namespace estiba::cli
