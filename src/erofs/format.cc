#include "format.h"

#include <sys/stat.h>

#include "codec/crc32.h"

namespace estiba::erofs {

std::uint16_t ModeOf(FileType type, std::uint32_t permissions) {
  const auto with = [&](std::uint32_t kind) { return static_cast<std::uint16_t>(kind | (permissions & 07777U)); };
  switch (type) {
    case FileType::kUnknown:
    case FileType::kRegular: return with(S_IFREG);
    case FileType::kDirectory: return with(S_IFDIR);
    case FileType::kCharDevice: return with(S_IFCHR);
    case FileType::kBlockDevice: return with(S_IFBLK);
    case FileType::kFifo: return with(S_IFIFO);
    case FileType::kSocket: return with(S_IFSOCK);
    case FileType::kSymlink: return with(S_IFLNK);
  }
  return 0;
}

FileType TypeOf(std::uint16_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG: return FileType::kRegular;
    case S_IFDIR: return FileType::kDirectory;
    case S_IFCHR: return FileType::kCharDevice;
    case S_IFBLK: return FileType::kBlockDevice;
    case S_IFIFO: return FileType::kFifo;
    case S_IFSOCK: return FileType::kSocket;
    case S_IFLNK: return FileType::kSymlink;
    default: return FileType::kUnknown;
  }
}

Kind KindOf(FileType type) {
  switch (type) {
    case FileType::kDirectory: return Kind::kDirectory;
    case FileType::kSymlink: return Kind::kSymlink;
    case FileType::kCharDevice: return Kind::kCharDevice;
    case FileType::kBlockDevice: return Kind::kBlockDevice;
    case FileType::kFifo: return Kind::kFifo;
    default: return Kind::kFile;
  }
}

std::uint32_t SuperChecksum(std::string_view block0) {
  std::string bytes(block0.substr(kSuperOffset));
  bytes.replace(offsetof(SuperBlock, checksum), sizeof(SuperBlock::checksum), sizeof(SuperBlock::checksum), '\0');
  return ~codec::Crc32c(bytes);
}

}  // namespace estiba::erofs
