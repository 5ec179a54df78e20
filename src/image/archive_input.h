#pragma once
// An archive that somebody hands us, from wherever it comes, in whichever compression.

#include <functional>

#include "base/result.h"
#include "codec/stream.h"

namespace estiba::image {

// Sends all bytes to the sink, once, in order.
using SendBytes = std::function<Status(const codec::ByteSink&)>;

// What `packed` sends, inflated: gzip, zstd, bzip2, xz or plain. kResourceExhausted for a decompression bomb.
Status InflateArchive(const SendBytes& packed, codec::ByteRoom& to);
Status InflateArchive(const SendBytes& packed, const codec::ByteSink& to);

// All bytes of a file, pipe or socket, from where it is.
Status ReadToEnd(int fd, const codec::ByteSink& to);

}  // namespace estiba::image
