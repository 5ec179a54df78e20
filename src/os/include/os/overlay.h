#pragma once
// What every overlay of ours says to overlayfs (Documentation/filesystems/overlayfs.rst, docs/adr/0010).

#include <cstddef>
#include <vector>

#include "base/result.h"
#include "os/fd.h"
#include "os/mount.h"

namespace estiba::os {

// fsconfig(2) takes strings of up to 255 bytes; a longer path goes by its descriptor.
inline constexpr std::size_t kLongestParameter = 255;

struct OverlayBehaviour {
  bool user_xattrs = false;  // "userxattr": in a user namespace
  bool is_volatile = false;  // nothing waits for the disk
};

// Whatever the kernel's defaults are: no redirects and no files of metadata alone, which only overlayfs could read out
// of a container's upper directory again, and no index. "userxattr" says the first two by itself.
Status SetBehaviour(FilesystemContext& overlay, OverlayBehaviour behaviour);

// The working directory is /proc/self/fd while this lives: "7" is then descriptor 7, and many fit into one parameter.
// For processes of one thread.
class InDescriptors {
 public:
  static Result<InDescriptors> Enter();
  InDescriptors(InDescriptors&&) = default;
  ~InDescriptors();

 private:
  InDescriptors() = default;
  UniqueFd back_;
};

// Directories, topmost first, by their descriptors: a caller is InDescriptors and keeps them until the overlay is
// mounted. In one parameter, which every kernel takes, if they fit; kernels before 6.5 take no more.
Status AddLowers(FilesystemContext& overlay, const std::vector<int>& lowers);

}  // namespace estiba::os
