#include "save_output.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codec/tar.h"
#include "os/copy_bytes.h"
#include "os/file.h"

namespace estiba::image {
namespace {

Status CopyWhole(int from, int to, std::uint64_t size) {
  const std::uint64_t copied = TRY(os::CopyBytes(from, to, size));
  if (copied == size) return Ok();
  return Error(Code::kDataLoss, "the blob ends at byte " + std::to_string(copied));
}

class TarOutput final : public SaveOutput {
 public:
  explicit TarOutput(int archive)
      : archive_(archive), writer_([archive](std::string_view bytes) -> Status {
          return TRY_CTX(os::WriteAll(archive, bytes), "write the archive");
        }) {}

  Status AddDirectory(const std::string& path) override {
    return writer_.Add(Entry(path + "/", codec::TarKind::kDirectory, 0755));
  }
  Status AddText(const std::string& path, std::string_view text) override {
    return writer_.AddFile(Entry(path, codec::TarKind::kFile, 0644), text);
  }
  Status AddFile(const std::string& path, int file, std::uint64_t size) override {
    codec::TarEntry entry = Entry(path, codec::TarKind::kFile, 0644);
    entry.size = size;
    TRY(writer_.Add(entry));
    TRY_CTX(CopyWhole(file, archive_, size), "write the archive");
    return writer_.NoteWritten();
  }
  Status Finish() override { return writer_.Finish(); }

 private:
  static codec::TarEntry Entry(std::string path, codec::TarKind kind, unsigned mode) {
    codec::TarEntry entry;
    entry.path = std::move(path);
    entry.kind = kind;
    entry.mode = mode;
    return entry;
  }

  const int archive_;
  codec::TarWriter writer_;
};

class DirectoryOutput final : public SaveOutput {
 public:
  DirectoryOutput(int root, uid_t uid, gid_t gid) : root_(root), uid_(uid), gid_(gid) {}

  Status AddDirectory(const std::string& path) override {
    if (::mkdirat(root_, path.c_str(), 0755) != 0) return Error::Errno(errno, "make directory '" + path + "'");
    if (::fchownat(root_, path.c_str(), uid_, gid_, AT_SYMLINK_NOFOLLOW) != 0)
      return Error::Errno(errno, "set the owner of '" + path + "'");
    return Ok();
  }
  Status AddText(const std::string& path, std::string_view text) override {
    const os::UniqueFd made = TRY(Create(path));
    return TRY_CTX(os::WriteAll(made.get(), text), "write '" + path + "'");
  }
  Status AddFile(const std::string& path, int file, std::uint64_t size) override {
    const os::UniqueFd made = TRY(Create(path));
    return TRY_CTX(CopyWhole(file, made.get(), size), "write '" + path + "'");
  }
  Status Finish() override { return Ok(); }

 private:
  Result<os::UniqueFd> Create(const std::string& path) const {
    os::UniqueFd made = TRY(os::OpenAt({root_}, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644));
    if (::fchown(made.get(), uid_, gid_) != 0) return Error::Errno(errno, "set the owner of '" + path + "'");
    return made;
  }

  const int root_;
  const uid_t uid_;
  const gid_t gid_;
};

}  // namespace

Result<std::unique_ptr<SaveOutput>> MakeSaveOutput(int to) {
  struct stat status {};
  if (::fstat(to, &status) != 0) return Error::Errno(errno, "look at where to save");
  if (!S_ISDIR(status.st_mode)) return std::unique_ptr<SaveOutput>(std::make_unique<TarOutput>(to));
  return std::unique_ptr<SaveOutput>(std::make_unique<DirectoryOutput>(to, status.st_uid, status.st_gid));
}

}  // namespace estiba::image
