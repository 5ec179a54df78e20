// The host's mounts leave the mount namespace of a container that does not pivot.

#include "internal.h"

#include <cstring>

#include <fcntl.h>
#include <limits.h>
#include <linux/stat.h>
#include <sys/stat.h>

extern "C" int mount(const char* source, const char* target, const char* type, unsigned long flags,
                     const void* data) noexcept;
extern "C" int umount2(const char* target, int flags) noexcept;

namespace estiba::child {
namespace {

constexpr int kDetach = 2;        // MNT_DETACH
constexpr int kNoFollow = 8;      // UMOUNT_NOFOLLOW
constexpr unsigned kMountId = 0x1000;  // STATX_MNT_ID, 5.8

struct MountLine {
  std::uint64_t id;
  std::uint64_t parent;
  const char* point;
  bool is_view;  // procfs or sysfs
};

// /proc/self/mountinfo, a line at a time.
struct MountFile {
  int fd;
  char chunk[4096];
  std::size_t filled = 0;
  std::size_t at = 0;
  char line[2 * PATH_MAX + 256];

  void Rewind() noexcept {
    ::lseek(fd, 0, SEEK_SET);
    filled = at = 0;
  }
  // False at the end. A line longer than any path can make it is cut, and so is none of ours.
  bool Next() noexcept {
    std::size_t size = 0;
    for (;;) {
      if (at == filled) {
        const ssize_t count = ::read(fd, chunk, sizeof chunk);
        if (count <= 0) return false;
        filled = static_cast<std::size_t>(count);
        at = 0;
      }
      const char c = chunk[at++];
      if (c == '\n') break;
      if (size + 1 < sizeof line) line[size++] = c;
    }
    line[size] = '\0';
    return true;
  }
};

std::uint64_t Number(const char** text) noexcept {
  std::uint64_t value = 0;
  while (**text >= '0' && **text <= '9') value = value * 10 + static_cast<std::uint64_t>(*(*text)++ - '0');
  return value;
}

char* AfterBlank(char* text) noexcept {
  char* blank = std::strchr(text, ' ');
  return blank == nullptr ? text + std::strlen(text) : blank + 1;
}

bool IsOctal(char c) noexcept { return c >= '0' && c <= '7'; }

// "\040" is a blank; in place.
void Unescape(char* text) noexcept {
  char* out = text;
  for (; *text != '\0'; ++text) {
    if (text[0] == '\\' && IsOctal(text[1]) && IsOctal(text[2]) && IsOctal(text[3])) {
      *out++ = static_cast<char>(((text[1] - '0') << 6) | ((text[2] - '0') << 3) | (text[3] - '0'));
      text += 3;
    } else {
      *out++ = *text;
    }
  }
  *out = '\0';
}

// "36 35 0:31 /root /point options optional… - type source options" (proc_pid_mountinfo(5)). Spoils the line.
MountLine Parse(char* line) noexcept {
  MountLine mount{};
  const char* number = line;
  mount.id = Number(&number);
  if (*number == ' ') ++number;
  mount.parent = Number(&number);
  const char* type = std::strchr(line, '-');
  for (; type != nullptr && (type[-1] != ' ' || type[1] != ' '); type = std::strchr(type + 1, '-')) {
  }
  mount.is_view = type != nullptr && (std::strncmp(type, "- proc ", 7) == 0 || std::strncmp(type, "- sysfs ", 8) == 0);
  char* point = AfterBlank(AfterBlank(AfterBlank(AfterBlank(line))));
  if (char* end = std::strchr(point, ' '); end != nullptr) *end = '\0';
  Unescape(point);
  mount.point = point;
  return mount;
}

// The container's root and what is mounted in it.
struct Ours {
  std::uint64_t ids[4096];
  std::size_t count = 0;

  bool Has(std::uint64_t id) const noexcept {
    for (std::size_t i = 0; i < count; ++i) {
      if (ids[i] == id) return true;
    }
    return false;
  }
};

int Collect(MountFile& file, Ours& ours) noexcept {
  for (std::size_t before = 0; before != ours.count;) {
    before = ours.count;
    file.Rewind();
    while (file.Next()) {
      const MountLine mount = Parse(file.line);
      if (ours.Has(mount.id) || !ours.Has(mount.parent)) continue;
      if (ours.count == sizeof ours.ids / sizeof ours.ids[0]) return E2BIG;
      ours.ids[ours.count++] = mount.id;
    }
  }
  return 0;
}

bool IsRoot(const MountLine& mount) noexcept { return mount.point[0] == '/' && mount.point[1] == '\0'; }

// Whether anything went.
bool DetachOnce(MountFile& file, const Ours& ours) noexcept {
  bool went = false;
  file.Rewind();
  while (file.Next()) {
    const MountLine mount = Parse(file.line);
    if (IsRoot(mount) || ours.Has(mount.id)) continue;
    if (::umount2(mount.point, kDetach | kNoFollow) == 0) went = true;
  }
  return went;
}

// In a user namespace mounts of the host are locked; what shows all of its processes or devices is covered.
int CoverViews(MountFile& file, const Ours& ours) noexcept {
  constexpr unsigned long kReadOnly = 1;
  file.Rewind();
  while (file.Next()) {
    const MountLine mount = Parse(file.line);
    if (!mount.is_view || ours.Has(mount.id)) continue;
    if (::mount("tmpfs", mount.point, "tmpfs", kReadOnly, nullptr) != 0) return errno;
  }
  return 0;
}

}  // namespace

int LeaveHostMounts(int root) noexcept {
  struct statx st {};
  if (::syscall(SYS_statx, root, "", AT_EMPTY_PATH, kMountId, &st) != 0) return errno;
  if ((st.stx_mask & kMountId) == 0) return ENOSYS;
  MountFile file{};
  const ScopedFd opened(::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC));
  if (opened.fd < 0) return errno;
  file.fd = opened.fd;
  Ours ours{};
  ours.ids[ours.count++] = st.stx_mnt_id;
  if (const int err = Collect(file, ours); err != 0) return err;
  for (int round = 0; round < 64 && DetachOnce(file, ours); ++round) {
  }
  return CoverViews(file, ours);
}

}  // namespace estiba::child
