#pragma once
// A layer in the form it is stored in.

#include <memory>

#include "image/unpack.h"
#include "store/snapshots.h"

namespace estiba::image {

inline store::Snapshots::Form FormOfNew(bool erofs) {
  return erofs ? store::Snapshots::Form::kErofs : store::Snapshots::Form::kDirectory;
}

// Borrows the descriptor.
std::unique_ptr<Destination> MakeDestination(const store::Snapshots::Unfinished& layer, bool user_xattrs);
Result<std::unique_ptr<Lower>> MakeLower(int fd, store::Snapshots::Form form);

}  // namespace estiba::image
