#pragma once
// A container's files: as a layer on top of its image's, as one tree, and as a list of what differs.

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "codec/stream.h"

namespace estiba::image {

// Borrowed descriptors of directories in overlayfs's form.
struct ContainerTree {
  int upper = -1;           // the container's writable layer; -1: it has none
  bool copied = false;      // `upper` is a copy of all the layers instead, with the container's changes in it
  std::vector<int> lowers;  // its image's layers, topmost first
  bool user_xattrs = false;
  // Clean paths on which the engine itself mounts things: what its runtime makes for them in the upper directory is no
  // change of the container's. Docker keeps them in a layer of their own.
  std::vector<std::string> mount_points;
};

// The upper directory as a layer: a tar archive with whiteouts, the same bytes for the same directory. Unpacked on the
// image's layers it gives what the container shows. Of a copy every file that is not plainly another one is read, and a
// character device 0:0 is a deleted file: it is one in a layer. An entry "./" is there only where the container changed
// the root directory's owner, mode or attributes.
Status WriteLayer(const ContainerTree& tree, const codec::ByteSink& sink);

// What the container shows, without what is mounted in it.
Status WriteTree(const ContainerTree& tree, const codec::ByteSink& sink);

// A directory that is no layer, as it is, itself as "./": what means something to overlayfs elsewhere means nothing
// here.
Status WriteDirectory(int directory, const codec::ByteSink& sink);

// As `docker diff` counts: a changed directory is one with another owner or mode, or with a change somewhere below it;
// of what was deleted or replaced only the topmost path is named, what is new is named whole.
enum class ChangeKind : unsigned char { kModified = 0, kAdded = 1, kDeleted = 2 };  // the API's numbers
struct Change {
  std::string path;  // absolute
  ChangeKind kind = ChangeKind::kModified;
};
// By path.
Result<std::vector<Change>> ListChanges(const ContainerTree& tree);

}  // namespace estiba::image
