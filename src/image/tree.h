#pragma once
// The directories of a tree being unpacked, by path, resolved without ever following a link, but for links of a
// container that files are put into: those are followed as the container would.

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include <sys/stat.h>

#include "base/result.h"
#include "image/unpack.h"
#include "os/fd.h"

namespace estiba::image {

// "./a//b/" → "a/b"; "." → "". An absolute path or one with ".." is refused.
Result<std::string> CleanPath(std::string_view path);

struct SplitPath {
  std::string parent;  // "" for the root
  std::string name;
};
SplitPath SplitLast(const std::string& path);

class Tree {
 public:
  // `plain`: no layer, a device 0:0 is one.
  // With `around`, links in the way are followed in it.
  Tree(os::DirFd root, bool user_xattrs, bool plain, std::optional<Around> around = {})
      : root_(root), user_xattrs_(user_xattrs), plain_(plain), around_(std::move(around)) {}

  // The descriptor of a directory; missing ones are made (root:root 0755). Stays valid until the next call.
  Result<int> Directory(const std::string& path);
  // The same, but nothing is made: kNotFound.
  Result<int> Find(const std::string& path);
  // Removes whatever is at `name`; a directory with what is in it. Succeeds if there is nothing.
  Status Remove(int parent, const std::string& name);
  // Marks a directory as hiding those of lower layers.
  Status MakeOpaque(const std::string& path);
  os::DirFd root() const { return root_; }
  // Whether what is there hides what layers below have.
  bool IsWhiteout(const struct stat& info) const;
  // Directories made because something is below them.
  const std::set<std::string>& implied() const { return implied_; }
  // The archive describes this one after all.
  void Described(const std::string& path) { implied_.erase(path); }
  // Gives the descriptors back; the next call opens what it needs.
  void Close() { open_.clear(); }

 private:
  Result<int> Walk(const std::string& path);
  Result<os::UniqueFd> Follow(const std::string& path) const;
  Result<os::UniqueFd> Enter(int parent, const std::string& name, const std::string& path);
  int Remember(const std::string& path, os::UniqueFd fd);

  os::DirFd root_;
  bool user_xattrs_;
  bool plain_;
  std::optional<Around> around_;
  std::unordered_map<std::string, os::UniqueFd> open_;
  bool stale_ = false;  // a directory was removed: what is open may be gone
  std::set<std::string> implied_;
};

// What overlayfs takes for "deleted here": a character device 0:0.
bool IsWhiteout(const struct stat& info);

}  // namespace estiba::image
