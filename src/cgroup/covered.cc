#include "covered.h"

#include <algorithm>

#include "base/text.h"

namespace estiba::cgroup {
namespace {

constexpr std::size_t kId = 0;
constexpr std::size_t kParent = 1;
constexpr std::size_t kPoint = 4;

bool LeadsOver(const std::string& point, const std::string& path) {
  return path == point || point == "/" ||
         (path.starts_with(point) && path.size() > point.size() && path[point.size()] == '/');
}

}  // namespace

std::vector<MountLine> MountLines(std::string_view mountinfo) {
  std::vector<MountLine> mounts;
  for (const std::string& line : Split(mountinfo, '\n')) {
    MountLine fields = Split(line, ' ');
    if (fields.size() > kPoint) mounts.push_back(std::move(fields));
  }
  return mounts;
}

bool Covered(const std::vector<MountLine>& mounts, const MountLine& mount) {
  for (const MountLine& other : mounts)
    if (other[kParent] == mount[kId] && other[kPoint] == mount[kPoint]) return true;
  // From the mount up to the root: on each of them a sibling may be met before the way goes on.
  const MountLine* at = &mount;
  for (std::size_t depth = 0; at != nullptr && depth < mounts.size(); ++depth) {
    const MountLine* parent = nullptr;
    for (const MountLine& other : mounts) {
      if (other[kId] == (*at)[kParent]) {
        parent = &other;
      } else if (other[kParent] == (*at)[kParent] && other[kId] != (*at)[kId] &&
                 LeadsOver(other[kPoint], (*at)[kPoint])) {
        return true;
      }
    }
    at = parent;
  }
  return false;
}

}  // namespace estiba::cgroup
