#include "store/tree_size.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "erofs/reader.h"

namespace estiba::store {
namespace {

constexpr int kMaxDepth = 1024;

struct CloseDirectory {
  void operator()(DIR* dir) const noexcept { ::closedir(dir); }
};

// Descriptors open at a time are bounded by the depth.
Result<std::uint64_t> SizeBelow(int parent, const std::string& name, int depth) {
  if (depth > kMaxDepth) return Error(Code::kResourceExhausted, "'" + name + "' is nested too deeply");
  os::UniqueFd fd = TRY(os::OpenAt({parent}, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  const std::unique_ptr<DIR, CloseDirectory> dir(::fdopendir(fd.get()));
  if (dir == nullptr) return Error::Errno(errno, "list '" + name + "'");
  const int self = fd.Release();  // the stream closes it
  std::uint64_t total = 0;
  while (const dirent* entry = ::readdir(dir.get())) {
    const std::string child = entry->d_name;
    if (child == "." || child == "..") continue;
    struct stat info {};
    if (::fstatat(self, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) < 0) {
      if (errno == ENOENT) continue;  // a running container deleted it
      return Error::Errno(errno, "look at '" + child + "'");
    }
    if (S_ISDIR(info.st_mode)) {
      const auto below = SizeBelow(self, child, depth + 1);
      if (!below.ok() && below.error().errnum() != ENOENT) return below.error().Clone();
      total += below.ok() ? *below : 0;
    } else if (S_ISREG(info.st_mode)) {
      // Of a file with several names, each gets its share.
      total += static_cast<std::uint64_t>(info.st_size) / std::max<std::uint64_t>(1, info.st_nlink);
    }
  }
  return total;
}

}  // namespace

Result<std::uint64_t> TreeSize(os::DirFd parent, const std::string& name) { return SizeBelow(parent.fd, name, 0); }

Result<std::uint64_t> ImageSize(int file) {
  const erofs::Reader reader = TRY(erofs::Reader::Open(file));
  std::vector<erofs::Reader::Number> directories = {reader.root()};
  std::uint64_t total = 0;
  const auto add = [&](std::string_view, erofs::Reader::Number number, erofs::Kind kind) -> Status {
    if (kind == erofs::Kind::kDirectory) directories.push_back(number);
    if (kind != erofs::Kind::kFile) return Ok();
    const erofs::Reader::Inode inode = TRY(reader.Get(number));
    total += inode.size / std::max<std::uint64_t>(1, inode.links);
    return Ok();
  };
  for (std::size_t i = 0; i < directories.size(); ++i) {
    if (i > reader.inodes())
      return Error(Code::kDataLoss, "the EROFS image is damaged: directories contain each other");
    TRY(reader.List(directories[i], add));
  }
  return total;
}

}  // namespace estiba::store
