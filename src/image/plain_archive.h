#pragma once
// An archive of any form into a tree that is no layer.

#include "image/unpack.h"

namespace estiba::image {

// Reads `archive` to its end. `admit` as UnpackOptions::admit.
Status UnpackPlainArchive(Destination& to, int archive,
                          std::function<Result<bool>(codec::TarEntry&)> admit = nullptr);

}  // namespace estiba::image
