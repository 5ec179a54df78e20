#pragma once
// docker's rules of `cp`: which argument is a container's, where a copy goes and what it is called there. Pure but for
// looking at paths of the user's.

#include <string>
#include <string_view>

#include "base/result.h"

namespace estiba::cli {

// "web:/etc" → {"web", "/etc"}; a path of the user's has no container: one that starts with '/' or '.', or has no ':'.
struct CopyArgument {
  std::string container;
  std::string path;
};
CopyArgument SplitCopyArgument(std::string_view text);

// One side of a copy.
struct CopyEnd {
  std::string path;  // may end in "/" or "/."
  bool exists = false;
  bool directory = false;
  std::string name;  // of the source: what it is called instead of the path's last name, when a link was followed
};

// Where an archive is to be unpacked.
struct CopyPlan {
  std::string directory;
  std::string name;  // what the source is called there; empty: as it is
};
// "cannot copy directory", "no such directory".
Result<CopyPlan> PlanCopy(const CopyEnd& source, const CopyEnd& destination);

// The folder and the last name of a clean path; "/." at the end makes "." the name.
struct FolderAndName {
  std::string folder;
  std::string name;
};
FolderAndName SplitLastName(std::string_view path);
// What a link leads to: `target` from the folder of `path`.
std::string ResolveLink(std::string_view path, const std::string& target);
// The source that `path` leads to when its links are followed to `resolved`: with the path's end, and its name.
CopyEnd FollowedSource(std::string_view path, std::string resolved);

// Of the user's own: what is to be copied, links before its last name (or, with `follow`, all of them) followed.
Result<CopyEnd> FindHostSource(const std::string& path, bool follow);
// Where a copy is to go: links are followed; the last name need not be there, its folder has to.
Result<CopyEnd> FindHostDestination(const std::string& path);

}  // namespace estiba::cli
