#pragma once
// The formats behind MakeDecompressor.

#include <memory>

#include "codec/stream.h"

namespace estiba::codec {

std::unique_ptr<Decompressor> MakeGzipDecompressor(ByteSink sink);
std::unique_ptr<Decompressor> MakeZstdDecompressor(ByteSink sink);

}  // namespace estiba::codec
