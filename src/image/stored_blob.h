#pragma once

#include <string>

#include "base/result.h"
#include "codec/stream.h"
#include "store/content.h"

namespace estiba::image {

// All bytes of a blob of the store, once, in order.
Status SendBlob(const store::ContentStore& content, const std::string& digest, const codec::ByteSink& sink);

}  // namespace estiba::image
