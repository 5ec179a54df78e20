#include "apitypes/path_stat.h"

#include <sys/stat.h>

#include "fields.h"

namespace estiba::apitypes {
namespace {

// io/fs.FileMode.
constexpr std::uint32_t kDirectory = 1U << 31;
constexpr std::uint32_t kSymlink = 1U << 27;
constexpr std::uint32_t kDevice = 1U << 26;
constexpr std::uint32_t kNamedPipe = 1U << 25;
constexpr std::uint32_t kSocket = 1U << 24;
constexpr std::uint32_t kSetuid = 1U << 23;
constexpr std::uint32_t kSetgid = 1U << 22;
constexpr std::uint32_t kCharDevice = 1U << 21;
constexpr std::uint32_t kSticky = 1U << 20;

std::uint32_t KindOf(std::uint32_t mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR: return kDirectory;
    case S_IFLNK: return kSymlink;
    case S_IFBLK: return kDevice;
    case S_IFCHR: return kDevice | kCharDevice;
    case S_IFIFO: return kNamedPipe;
    case S_IFSOCK: return kSocket;
    default: return 0;
  }
}

}  // namespace

std::uint32_t GoFileMode(std::uint32_t mode) {
  std::uint32_t out = (mode & 0777U) | KindOf(mode);
  if ((mode & S_ISUID) != 0) out |= kSetuid;
  if ((mode & S_ISGID) != 0) out |= kSetgid;
  if ((mode & S_ISVTX) != 0) out |= kSticky;
  return out;
}

template <typename A>
void Describe(A& f, PathStat& v) {
  f("name", v.name);
  f("size", v.size);
  f("mode", v.mode);
  f("mtime", v.mtime);
  f("linkTarget", v.link_target);
}

bool PathStat::IsDirectory() const { return (mode & kDirectory) != 0; }
bool PathStat::IsSymlink() const { return (mode & kSymlink) != 0; }
bool PathStat::IsDevice() const { return (mode & kDevice) != 0; }
codec::Json PathStat::ToJson() const { return Write(*this); }
Result<PathStat> PathStat::FromJson(const codec::Json& json) { return Load<PathStat>(json); }

}  // namespace estiba::apitypes
