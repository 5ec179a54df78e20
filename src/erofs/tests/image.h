#pragma once
// An image for one test: written, checked by fsck.erofs, mounted by the kernel, read back.

#include <fcntl.h>
#include <sys/mount.h>

#include "erofs/reader.h"
#include "erofs/writer.h"
#include "os/file.h"
#include "os/mount.h"
#include "os/process.h"
#include "tests/disk_dir.h"
#include "tests/support.h"

namespace estiba::erofs {

class Image {
 public:
  Image() : file_(os::OpenAt({AT_FDCWD}, path(), O_RDWR | O_CREAT | O_EXCL, 0600).value()), writer_(file_.get()) {}

  Writer& writer() { return writer_; }
  Status Finish(std::string_view uuid = "0123456789abcdef") { return writer_.Finish(uuid); }
  std::string path() const { return dir_ / "image"; }
  int file() const { return file_.get(); }

  // What Debian's checker says; empty when all is well.
  std::string Check() const {
    const auto program = os::FindProgram("fsck.erofs");
    if (!program.ok()) return program.error().Message();
    auto out = os::MakePipe();
    os::SpawnOptions options;
    options.program = *program;
    options.argv = {"fsck.erofs", "-d0", path()};
    options.env = {"PATH=/usr/bin:/bin"};
    options.fds = {{out->write.get(), 1}, {out->write.get(), 2}};
    auto process = os::Spawn(options);
    if (!process.ok()) return process.error().Message();
    out->write.Reset();
    const std::string text = os::ReadAll(out->read.get()).value();
    const auto status = process->Wait();
    return status.ok() && status->ToShell() == 0 ? "" : "fsck.erofs: " + text;
  }

  Result<os::DetachedMount> Mount() const {
    auto context = TRY(os::FilesystemContext::Open("erofs"));
    TRY(context.SetString("source", path()));
    return context.Mount(MOUNT_ATTR_RDONLY);
  }

 private:
  testing::DiskDir dir_;
  os::UniqueFd file_;
  Writer writer_;
};

// Pieces one after another.
using Pieces = std::vector<std::pair<std::uint64_t, std::string>>;
inline Content ContentOf(Pieces pieces) {
  auto state = std::make_shared<std::pair<Pieces, std::size_t>>(std::move(pieces), 0);
  return [state]() -> Result<Piece> {
    if (state->second == state->first.size()) return Piece{};
    const auto& [offset, bytes] = state->first[state->second++];
    return Piece{offset, bytes};
  };
}
inline Content ContentOf(std::string bytes) {
  if (bytes.empty()) return ContentOf(Pieces{});
  return ContentOf(Pieces{{0, std::move(bytes)}});
}

inline bool CanMount() {
  const auto types = os::ReadFile("/proc/filesystems");
  return ::geteuid() == 0 && types.ok() && types->find("erofs") != std::string::npos;
}

}  // namespace estiba::erofs
