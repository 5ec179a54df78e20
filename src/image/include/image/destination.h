#pragma once
// Where the entries of a layer go, whatever form it is stored in. In estiba::image_work.

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "codec/tar.h"

namespace estiba::image {

// What a layer has at a path.
enum class Node : unsigned char { kAbsent, kFile, kDirectory, kSymlink, kWhiteout, kOther };

// The next bytes of a file, in ascending order, holes left out; no bytes at its end.
using Content = std::function<Result<codec::TarReader::Chunk>()>;

// One layer being made. Paths are clean (no leading slash, no "..", "" is the root) and no symbolic link is followed:
// a path that passes through what is no directory is kInvalidArgument, naming it. Of an entry the path, size of the
// link and kind are checked already; an image's own overlay attributes are left out.
class Destination {
 public:
  virtual ~Destination() = default;

  // So far; kAbsent also where a parent is missing.
  virtual Result<Node> Look(const std::string& path) = 0;
  // Makes missing parents (root:root 0755, "implied"); one that is a whiteout becomes an opaque directory.
  virtual Status MakeParents(const std::string& path) = 0;

  // Each makes missing parents, replaces what is at the path, and says what failed.
  virtual Status AddFile(const std::string& path, const codec::TarEntry& entry, const Content& content) = 0;
  virtual Status AddSymlink(const std::string& path, const codec::TarEntry& entry) = 0;
  // A device or fifo.
  virtual Status AddNode(const std::string& path, const codec::TarEntry& entry) = 0;
  // `target` is there and is no directory, and `path` is neither it nor above it.
  virtual Status AddHardlink(const std::string& path, const std::string& target) = 0;
  // A directory that is there already stays, with what is in it; one in place of a whiteout is opaque.
  virtual Status AddDirectory(const std::string& path, const codec::TarEntry& entry) = 0;

  // Nothing is at the path.
  virtual Status AddWhiteout(const std::string& path) = 0;
  // A directory that is there.
  virtual Status MakeOpaque(const std::string& path) = 0;
  // With what is below it; succeeds if nothing is there.
  virtual Status Remove(const std::string& path) = 0;

  // Directories that exist only because something is below them.
  virtual std::vector<std::string> Implied() const = 0;
  // Gives up buffers and descriptors for as long as nothing comes.
  virtual Status Pause() = 0;
  // The last call: everything is in. The layer's diff id may become part of it.
  virtual Status Finish(const std::string& diff_id) = 0;
};

}  // namespace estiba::image
