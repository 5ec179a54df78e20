#pragma once
// The formats behind MakeDecompressor.

#include <memory>

#include "codec/stream.h"

namespace estiba::codec {

std::unique_ptr<Decompressor> MakeGzipDecompressor(ByteRoom& room);
std::unique_ptr<Decompressor> MakeZstdDecompressor(ByteRoom& room);
std::unique_ptr<Decompressor> MakeBzip2Decompressor(ByteRoom& room);
std::unique_ptr<Decompressor> MakeXzDecompressor(ByteRoom& room);

}  // namespace estiba::codec
