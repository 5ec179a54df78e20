#pragma once
// Tar archives: read by libarchive restricted to tar (ustar, pax, GNU), written by a small writer of our own. In
// estiba::codec_stream.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "codec/stream.h"

namespace estiba::codec {

enum class TarKind : unsigned char { kFile, kDirectory, kSymlink, kHardlink, kCharDevice, kBlockDevice, kFifo };

struct TarEntry {
  std::string path;  // bytes as they stand in the archive
  TarKind kind = TarKind::kFile;
  std::string link;  // target of a symlink or hard link
  std::uint64_t size = 0;
  std::uint32_t mode = 0;  // permission bits with setuid, setgid, sticky
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::int64_t mtime_s = 0;
  std::int64_t mtime_ns = 0;
  std::uint32_t device_major = 0;
  std::uint32_t device_minor = 0;
  std::vector<std::pair<std::string, std::string>> xattrs;  // SCHILY.xattr.* and SCHILY.acl.*
};

// How much an archive may ask for.
struct TarLimits {
  std::uint64_t max_entries = 4'000'000;
  std::uint64_t max_total = std::uint64_t{1} << 40;  // bytes of all files
  std::size_t max_path = 4096;
  std::size_t max_xattrs = 64U << 10;  // bytes of one entry's attributes together
};

// Where TarReader takes bytes from: the next piece, empty at the end. The piece stays valid until the next call.
using ByteSource = std::function<Result<std::string_view>()>;

class TarReader {
 public:
  explicit TarReader(ByteSource source, const TarLimits& limits = {});
  TarReader(TarReader&&) noexcept;
  ~TarReader();

  // False at the end. Skips what was not read of the entry before. kInvalidArgument for what is no tar archive,
  // kDataLoss for one that is cut short, kResourceExhausted beyond the limits (the entry is named).
  Result<bool> Next(TarEntry& entry);
  // The next data of the current entry: offset (holes of sparse files are skipped) and bytes; no bytes at its end.
  struct Chunk {
    std::uint64_t offset = 0;
    std::string_view bytes;
  };
  Result<Chunk> Read();
  // The current entry's content whole.
  Result<std::string> ReadAll(std::size_t limit);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Ustar, with pax headers where ustar cannot hold a value. The same entries give the same bytes.
class TarWriter {
 public:
  explicit TarWriter(ByteSink sink) : sink_(std::move(sink)) {}
  // The header; for a kFile of size > 0, exactly `size` bytes by Write() must follow.
  Status Add(const TarEntry& entry);
  Status Write(std::string_view bytes);
  // Instead of all of an entry's Write(): its bytes have gone where the sink's go, by another way.
  Status NoteWritten();
  Status AddFile(const TarEntry& entry, std::string_view content);
  // The two blocks of zeros.
  Status Finish();

 private:
  Status Pad();
  ByteSink sink_;
  std::uint64_t left_ = 0;
  std::uint64_t padding_ = 0;
};

}  // namespace estiba::codec
