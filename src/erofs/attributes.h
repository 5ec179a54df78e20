#pragma once
// Extended attributes beside their inode.

#include <string>
#include <string_view>

#include "erofs/node.h"

namespace estiba::erofs {

// The attributes' header and entries, a multiple of four bytes; empty when there are none. Of two of one name the later
// holds. kInvalidArgument for a name or value that no attribute can have.
Result<std::string> EncodeAttributes(const Attributes& attributes);
// kDataLoss when the bytes do not hold together, or refer to shared attributes, which we do not write.
Result<Attributes> DecodeAttributes(std::string_view bytes);

}  // namespace estiba::erofs
