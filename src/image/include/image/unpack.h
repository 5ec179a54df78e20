#pragma once
// A layer's tar into a destination. In estiba::image_work.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "codec/tar.h"
#include "image/destination.h"
#include "os/fd.h"

namespace estiba::image {

struct UnpackOptions {
  codec::TarLimits limits;
  // The tree is no layer: '.wh.' names files, overlayfs's attributes are as good as any, and there is nothing below
  // that a hard link could mean.
  bool plain = false;
  // Sees each entry first and may change it; false leaves it out. Its links and parents are looked at afterwards.
  std::function<Result<bool>(codec::TarEntry&)> admit;
};

// A hard link to a file that this layer does not have: it is in one below.
struct OpenLink {
  std::string path;
  std::string target;
};

struct Unpacked {
  std::uint64_t bytes = 0;  // of all files
  std::vector<OpenLink> links;
  // Directories that the archive has entries below but does not describe: a lower layer may.
  std::vector<std::string> implied;

  bool NeedsSettling() const { return !links.empty() || !implied.empty(); }
};

// An entry that is absolute, has "..", or passes through a symbolic link is refused by name. Owners, modes (setuid
// too), times and attributes are exact; later entries replace earlier ones. Whiteouts are about lower layers, wherever
// they stand. The root is the archive's "./". SettleLayer() follows if needed, and the destination's Finish().
Result<Unpacked> UnpackLayer(Destination& to, codec::ByteSource source, const UnpackOptions& options);

// A directory in the form overlayfs reads: whiteouts are character devices 0:0, opaque directories have an attribute.
// Borrows `root`. With `user_xattrs` (in a user namespace) that is user.overlay.* instead of trusted.overlay.*, and
// devices are left out.
std::unique_ptr<Destination> MakeDirectoryDestination(os::DirFd root, bool user_xattrs);
// A directory that is no layer, with what is in it already; others may write there meanwhile.
// Links that lie in the way of an entry are followed only with `around`: as in that root, in which `root` is at `path`.
struct Around {
  int root = -1;  // borrowed
  std::string path;
};
std::unique_ptr<Destination> MakePlainDestination(os::DirFd root, bool in_user_namespace,
                                                  std::optional<Around> around = {});

// An EROFS image that overlayfs reads as a layer: whiteouts and opaque directories as above. Borrows `file`, which is
// empty. The same archive upon the same layers makes the same bytes.
std::unique_ptr<Destination> MakeErofsDestination(int file);

// What the layers below, merged, have at a path.
struct Below {
  codec::TarEntry entry;  // its kind, owner, mode, time, attributes and size
  Content content;        // of a kFile; valid while the layers are
};

// A layer that is whole, being read.
class Lower {
 public:
  enum class Look : unsigned char { kFound, kAbsent, kHidden };  // kHidden: from the layers below this one, too

  virtual ~Lower() = default;
  // Follows no symbolic link.
  virtual Result<Look> Find(const std::string& path, Below* out) const = 0;
};
// Borrows the directory.
std::unique_ptr<Lower> MakeDirectoryLower(os::DirFd root);
// Borrows the file of an EROFS image of ours.
Result<std::unique_ptr<Lower>> MakeErofsLower(int file);

// What needs the layers below (topmost first): implied directories get the owner, mode, time and attributes they have
// there, and targets of open links are copied up. An implied directory that is a symbolic link below is refused: files
// meant to land behind the link would hide it. Answers the bytes copied, `max_bytes` at most.
Result<std::uint64_t> SettleLayer(Destination& to, const std::vector<const Lower*>& lowers, const Unpacked& unpacked,
                                  std::uint64_t max_bytes = UINT64_MAX);

}  // namespace estiba::image
