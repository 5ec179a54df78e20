#pragma once
// Compressed streams, in pieces and bounded memory. In estiba::codec_stream (links ISA-L, libzstd, zlib).

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace estiba::codec {

// Where bytes go; a failure stops the stream.
using ByteSink = std::function<Status(std::string_view)>;

enum class Compression : unsigned char { kNone, kGzip, kZstd };
// By the first bytes (four suffice); other formats (bzip2, xz) are refused by name.
Result<Compression> DetectCompression(std::string_view head);

// Bytes in, bytes out, in whichever format the stream turns out to be.
class Decompressor {
 public:
  virtual ~Decompressor() = default;
  // What came in; the output goes to the sink in pieces of at most 1 MiB.
  virtual Status Write(std::string_view bytes) = 0;
  // The end of the input: kDataLoss when the stream is not complete.
  virtual Status Finish() = 0;
};
// Gzip with any number of members (and zero padding after), zstd with any number of frames, skippable ones among them
// (windows of up to 128 MiB: what `zstd --ultra -22` makes), or plain bytes.
std::unique_ptr<Decompressor> MakeDecompressor(Compression format, ByteSink sink);

// Gzip with no name and no time in its header: the same input gives the same bytes.
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
