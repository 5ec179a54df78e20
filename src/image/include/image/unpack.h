#pragma once
// A layer's tar into a directory, in the form overlayfs reads. In estiba::image_work.

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "codec/tar.h"
#include "os/fd.h"

namespace estiba::image {

struct UnpackOptions {
  bool user_xattrs = false;  // user.overlay.* instead of trusted.overlay.*, and devices are left out
  codec::TarLimits limits;
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
};

// Every path is resolved beneath `root`; an entry that is absolute, has "..", or passes through a symbolic link is
// refused by name. Owners, modes (setuid too), times and attributes are exact; later entries replace earlier ones.
// Whiteouts become character devices 0:0 and opaque attributes. `root` itself is the archive's "./".
Result<Unpacked> UnpackLayer(os::DirFd root, codec::ByteSource source, const UnpackOptions& options);

struct SettleOptions {
  bool user_xattrs = false;
  std::uint64_t max_bytes = UINT64_MAX;  // to copy from layers below, together
};

// What needs the layers below (descriptors, topmost first): implied directories get the owner, mode, time and
// attributes they have there, and targets of open links are copied up. An implied directory that is a symbolic link
// below is refused: files meant to land behind the link would hide it. Answers the bytes copied.
Result<std::uint64_t> SettleLayer(os::DirFd root, const std::vector<int>& lowers, const Unpacked& unpacked,
                                  const SettleOptions& options);

}  // namespace estiba::image
