#pragma once
// Directories in overlayfs's form, read as overlayfs shows them: one upon another, whiteouts and opaque directories
// applied. By descriptor and without a mount. What is read may be changing: it may be a running container's.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <sys/stat.h>

#include "base/result.h"
#include "os/fd.h"

namespace estiba::image {

// A directory of the merged tree: where it is, and which of the layers may have a part in it.
struct OverlayPlace {
  std::string path;  // clean; "" is the root
  std::vector<std::size_t> layers;

  std::string PathOf(const std::string& name) const { return path.empty() ? name : path + "/" + name; }
};

struct OverlayEntry {
  std::string name;
  struct stat info {};
  std::size_t part = 0;  // of the directory it was found in: the topmost that has the name
  bool whiteout = false;
};

bool SameOwnerAndMode(const struct stat& a, const struct stat& b);

// kResourceExhausted for a directory `depth` levels below the root when no path could name what is in it.
Status CheckDepth(const OverlayPlace& place, std::size_t depth);
// kResourceExhausted above two million: each is kept in memory.
Status CheckChangeCount(std::size_t changes);

enum class Whiteouts : unsigned char { kApply, kShow };

class OverlayDirectory {
 public:
  // `roots` are the layers' directories, topmost first, borrowed. A place that no layer has (any more) is an empty
  // directory.
  static Result<OverlayDirectory> Open(const std::vector<int>& roots, OverlayPlace place);
  static OverlayPlace Root(const std::vector<int>& roots);

  // By name. kShow lists the whiteouts of the topmost layer too. kResourceExhausted beyond a million names.
  Result<std::vector<OverlayEntry>> List(Whiteouts whiteouts = Whiteouts::kApply) const;
  Result<std::optional<OverlayEntry>> Find(const std::string& name) const;
  OverlayPlace Below(const std::string& name) const;

  const OverlayPlace& place() const { return place_; }
  bool there() const { return !parts_.empty(); }
  // The directory that has the entry.
  int Holder(const OverlayEntry& entry) const { return parts_[entry.part].directory.get(); }
  // The topmost directory hides those below it.
  bool opaque() const { return there() && parts_.front().opaque; }
  // Of the topmost layer that has it; for there() only.
  int top() const { return parts_.front().directory.get(); }

 private:
  struct Part {
    os::UniqueFd directory;
    std::size_t layer = 0;
    bool opaque = false;
    bool marked_files = false;  // empty files with an attribute are whiteouts too (Linux 6.7, "xwhiteouts")
  };
  bool IsWhiteout(const Part& part, const std::string& name, const struct stat& info) const;

  OverlayPlace place_;
  std::vector<Part> parts_;
};

}  // namespace estiba::image
