#pragma once
// Files of a directory into a tar archive, as they are: owners, modes, times to the nanosecond, attributes, hard links.
// The directories may belong to a hostile container that runs: everything is opened by descriptor, looked at, and only
// then read; what is no file is never opened.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "codec/tar.h"
#include "image/transfer.h"
#include "overlay_view.h"

namespace estiba::image {

struct ArchiveOptions {
  bool user_xattrs = false;  // overlayfs keeps its matters in user.overlay.*
  // A layer: a name that starts with ".wh." would be taken for a whiteout and is refused.
  bool layer = false;
  // No part of a container's root: overlayfs's attributes are as good as any.
  bool plain = false;
  // Of attributes, file capabilities alone: as docker's copies have them.
  bool capabilities_only = false;
  // What the owners are called in the archive; unset: as on the host. Borrowed.
  const std::vector<IdRange>* uids = nullptr;
  const std::vector<IdRange>* gids = nullptr;
};

// False for attributes that are overlayfs's or mean nothing but on this host: no layer has them.
bool IsLayerAttribute(std::string_view name);

class TreeArchive {
 public:
  TreeArchive(codec::ByteSink sink, const ArchiveOptions& options);

  // `entry` of `directory`, under the name `path`. What is gone by now is left out, and so is a socket (as tar does).
  // A file that shrinks while it is read is filled up with zeros.
  Status Add(int directory, const OverlayEntry& entry, const std::string& path);
  // The same of what is open already (O_PATH will do). A directory's path gets a '/' at its end.
  Status AddOpen(int file, const std::string& path);
  // The directory itself; `path` is "./" for a layer's root.
  Status AddDirectory(int directory, const std::string& path);
  // `path` is deleted (OCI image-spec, layer, "Whiteouts").
  Status AddWhiteout(const std::string& path);
  // Of the directory `path`, nothing of the layers below is left.
  Status AddOpaque(const std::string& path);
  Status Finish() { return writer_.Finish(); }

 private:
  Status CheckName(const std::string& path) const;
  struct Link {
    std::string path;
    std::uint64_t left = 0;  // names that have not come yet
  };
  codec::TarEntry Describe(const struct stat& info, std::string path) const;
  Status ReadAttributes(int file, codec::TarEntry& entry) const;
  // Fills in the entry that the file was archived as before; false when this is the first of its names.
  bool IsLink(const struct stat& info, codec::TarEntry& entry);
  Status AddFile(int file, codec::TarEntry entry);

  codec::TarWriter writer_;
  ArchiveOptions options_;
  std::map<std::pair<dev_t, ino_t>, Link> links_;
  std::string buffer_;
};

}  // namespace estiba::image
