// A layer that is a directory, read for those above it.

#include <algorithm>
#include <cerrno>
#include <optional>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/text.h"
#include "image/unpack.h"
#include "os/attributes.h"
#include "os/file.h"
#include "tree.h"

namespace estiba::image {
namespace {

using codec::TarEntry;
using codec::TarKind;
using Chunk = codec::TarReader::Chunk;

constexpr std::size_t kPiece = 256U << 10;

TarKind KindOf(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR: return TarKind::kDirectory;
    case S_IFLNK: return TarKind::kSymlink;
    case S_IFCHR: return TarKind::kCharDevice;
    case S_IFBLK: return TarKind::kBlockDevice;
    case S_IFIFO: return TarKind::kFifo;
    default: return TarKind::kFile;
  }
}

// The bytes of a file but its holes: a sparse one may claim any size.
class FileContent {
 public:
  FileContent(os::UniqueFd file, off_t size) : file_(std::move(file)), size_(size), buffer_(kPiece, '\0') {}

  Result<Chunk> Next() {
    if (at_ >= end_) TRY(FindExtent());
    if (at_ >= end_) return Chunk{};
    const std::size_t wanted = std::min(buffer_.size(), static_cast<std::size_t>(end_ - at_));
    const ssize_t n = ::pread(file_.get(), buffer_.data(), wanted, at_);
    if (n < 0) return Error::Errno(errno, "read");
    if (n == 0) return Error(Code::kDataLoss, "read: the file has become shorter");
    const auto offset = static_cast<std::uint64_t>(at_);
    at_ += n;
    return Chunk{offset, std::string_view(buffer_).substr(0, static_cast<std::size_t>(n))};
  }

 private:
  // The next bytes at or after `at_` that are no hole; at_ == end_ when only a hole follows.
  Status FindExtent() {
    end_ = at_;
    if (at_ >= size_) return Ok();
    const off_t begin = ::lseek(file_.get(), at_, SEEK_DATA);
    if (begin < 0 && errno == ENXIO) return Ok();
    if (begin < 0 && errno != EINVAL) return Error::Errno(errno, "look for holes");
    if (begin < 0) {  // it does not know holes
      end_ = size_;
      return Ok();
    }
    const off_t end = ::lseek(file_.get(), begin, SEEK_HOLE);
    if (end < 0) return Error::Errno(errno, "look for holes");
    at_ = begin;
    end_ = std::max(begin, std::min(end, size_));
    return Ok();
  }

  os::UniqueFd file_;
  off_t size_;
  off_t at_ = 0;
  off_t end_ = 0;
  std::string buffer_;
};

// A readable descriptor of what an O_PATH one of ours stands for.
Result<os::UniqueFd> Reopen(int fd) {
  return os::OpenAt({AT_FDCWD}, "/proc/self/fd/" + std::to_string(fd), O_RDONLY);
}

Status Describe(int fd, const struct stat& info, const std::string& path, Below* out) {
  TarEntry& entry = out->entry;
  entry = {};
  out->content = nullptr;
  entry.path = path;
  entry.kind = KindOf(info.st_mode);
  entry.mode = info.st_mode & 07777U;
  entry.uid = info.st_uid;
  entry.gid = info.st_gid;
  entry.mtime_s = info.st_mtim.tv_sec;
  entry.mtime_ns = info.st_mtim.tv_nsec;
  entry.device_major = ::major(info.st_rdev);
  entry.device_minor = ::minor(info.st_rdev);
  if (!S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) return Ok();
  os::UniqueFd file = TRY(Reopen(fd));
  entry.xattrs = TRY_CTX(os::ReadAttributes(file.get()), "'" + entry.path + "'");
  if (!S_ISREG(info.st_mode)) return Ok();
  entry.size = static_cast<std::uint64_t>(info.st_size);
  auto content = std::make_shared<FileContent>(std::move(file), info.st_size);
  out->content = [content] { return content->Next(); };
  return Ok();
}

class DirectoryLower final : public Lower {
 public:
  explicit DirectoryLower(os::DirFd root) : root_(root) {}

  Result<Look> Find(const std::string& path, Below* out) const override {
    os::UniqueFd here = TRY(os::Duplicate(root_.fd));
    struct stat info {};
    if (::fstat(here.get(), &info) < 0) return Error::Errno(errno, "look at '" + path + "'");
    bool opaque = false;
    for (const std::string& name : Split(path, '/')) {
      if (name.empty()) continue;
      auto next = os::OpenAt({here.get()}, name, O_PATH | O_NOFOLLOW);
      if (!next.ok()) {
        const int err = next.error().errnum();
        if (err == ENOTDIR) return Look::kHidden;
        if (err != ENOENT) return std::move(next).error();
        return opaque ? Look::kHidden : Look::kAbsent;
      }
      here = std::move(next).value();
      if (::fstat(here.get(), &info) < 0) return Error::Errno(errno, "look at '" + path + "'");
      if (IsWhiteout(info)) return Look::kHidden;
      opaque = opaque || (S_ISDIR(info.st_mode) && os::OverlayMark(here.get()) == 'y');
    }
    TRY(Describe(here.get(), info, path, out));
    return Look::kFound;
  }

 private:
  os::DirFd root_;
};

}  // namespace

std::unique_ptr<Lower> MakeDirectoryLower(os::DirFd root) { return std::make_unique<DirectoryLower>(root); }

}  // namespace estiba::image
