#pragma once
// Compressed streams, in pieces and bounded memory. In estiba::codec_stream (links ISA-L, libzstd, libbz2, liblzma).

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace estiba::codec {

// Where bytes go; a failure stops the stream.
using ByteSink = std::function<Status(std::string_view)>;

enum class Compression : unsigned char { kNone, kGzip, kZstd, kBzip2, kXz };
// By the first bytes (six suffice).
Compression DetectCompression(std::string_view head);

// Memory that a decompressor writes to directly, so that nobody copies what came out.
class ByteRoom {
 public:
  virtual ~ByteRoom() = default;
  // Where the next bytes go: one at least.
  virtual Result<std::span<char>> Room() = 0;
  // So many of them were written. Zero is allowed.
  virtual Status Filled(std::size_t bytes) = 0;
};

// Bytes in, bytes out, in whichever format the stream turns out to be.
class Decompressor {
 public:
  virtual ~Decompressor() = default;
  // What came in; the output goes to the sink in pieces of at most 256 KiB, or to the room.
  virtual Status Write(std::string_view bytes) = 0;
  // The end of the input: kDataLoss when the stream is not complete.
  virtual Status Finish() = 0;
};
// Gzip with any number of members (and zero padding after), zstd with any number of frames, skippable ones among them
// (windows of up to 128 MiB: what `zstd --ultra -22` makes), bzip2 and xz with any number of streams, or plain bytes.
std::unique_ptr<Decompressor> MakeDecompressor(Compression format, ByteSink sink);
// The same into `room`, which must outlive it.
std::unique_ptr<Decompressor> MakeDecompressor(Compression format, ByteRoom& room);

// Gzip at a fast level, with no name and no time in its header: on one kind of processor the same input gives the same
// bytes (ISA-L looks for matches with what vector instructions there are).
class GzipWriter {
 public:
  explicit GzipWriter(ByteSink sink);
  ~GzipWriter();
  Status Write(std::string_view bytes);
  Status Finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace estiba::codec
