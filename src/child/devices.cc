#include "internal.h"

#include <asm/termbits.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

namespace estiba::child {
namespace {

bool IsDevice(const struct stat& st, std::uint64_t type, std::uint64_t major_number,
              std::uint64_t minor_number) noexcept {
  if ((st.st_mode & S_IFMT) != type) return false;
  return type == S_IFIFO || (major(st.st_rdev) == major_number && minor(st.st_rdev) == minor_number);
}

// The multiplexer of a real devpts, not a file of the image that looks like one (CVE-2025-52565).
int CheckPtmx(int fd) noexcept {
  struct statfs fs;
  if (::fstatfs(fd, &fs) != 0) return errno;
  struct stat st;
  if (::fstat(fd, &st) != 0) return errno;
  const bool real = fs.f_type == DEVPTS_SUPER_MAGIC && st.st_ino == 2 && IsDevice(st, S_IFCHR, 5, 2);
  return real ? 0 : ENODEV;
}

int BindConsole(int root, int terminal) noexcept {
  const ScopedFd target(EnsureTarget(root, "/dev/console", Make::kFile, 0600));
  if (target.fd < 0) return -target.fd;
  if (const int err = RefuseProc(root, target.fd); err != 0) return err;
  const ScopedFd copy(CloneMount(terminal, false));
  if (copy.fd < 0) return -copy.fd;
  return MoveMount(copy.fd, target.fd);
}

}  // namespace

int Device(const Program& program, const Step& step) noexcept {
  const char* name = nullptr;
  const ScopedFd parent(EnsureParent(Slot(program, step), step.s[0], &name));
  if (parent.fd < 0) return -parent.fd;
  const auto type = static_cast<mode_t>(step.n[0]);
  const auto mode = static_cast<mode_t>(step.n[3]);
  const dev_t number = makedev(static_cast<unsigned>(step.n[1]), static_cast<unsigned>(step.n[2]));
  if (::mknodat(parent.fd, name, type | mode, number) != 0) {
    if (errno != EEXIST) return errno;
    struct stat st;
    if (::fstatat(parent.fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0) return errno;
    if (!IsDevice(st, step.n[0], step.n[1], step.n[2])) return EEXIST;
  }
  if (step.n[4] == 0 && step.n[5] == 0) return 0;
  return ErrnoOf(::fchownat(parent.fd, name, static_cast<uid_t>(step.n[4]), static_cast<gid_t>(step.n[5]),
                            AT_SYMLINK_NOFOLLOW));
}

int BindDevice(const Program& program, const Step& step) noexcept {
  const ScopedFd device(::open(step.s[0], O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (device.fd < 0) return errno;
  struct stat st;
  if (::fstat(device.fd, &st) != 0) return errno;
  if (!IsDevice(st, step.n[0], step.n[1], step.n[2])) return ENXIO;
  const ScopedFd copy(CloneMount(device.fd, false));
  if (copy.fd < 0) return -copy.fd;
  const ScopedFd target(EnsureTarget(Slot(program, step), step.s[1], Make::kFile, 0644));
  if (target.fd < 0) return -target.fd;
  if (const int err = RefuseProc(Slot(program, step), target.fd); err != 0) return err;
  return MoveMount(copy.fd, target.fd);
}

int Symlink(const Program& program, const Step& step) noexcept {
  const char* name = nullptr;
  const ScopedFd parent(EnsureParent(Slot(program, step), step.s[1], &name));
  if (parent.fd < 0) return -parent.fd;
  const int err = ErrnoOf(::symlinkat(step.s[0], parent.fd, name));
  return err == EEXIST ? 0 : err;
}

int MakeDirectory(const Program& program, const Step& step) noexcept {
  const ScopedFd target(EnsureTarget(Slot(program, step), step.s[0], Make::kDirectory,
                                     static_cast<unsigned>(step.n[0])));
  return target.fd < 0 ? -target.fd : 0;
}

int MakeFile(const Program& program, const Step& step) noexcept {
  const ScopedFd target(EnsureTarget(Slot(program, step), step.s[0], Make::kFile,
                                     static_cast<unsigned>(step.n[0])));
  return target.fd < 0 ? -target.fd : 0;
}

int OpenNull(const Program& program, const Step& step) noexcept {
  // The host's: a container that could replace its own /dev/null would choose what we bind (CVE-2025-31133).
  const int fd = ::open("/dev/null", O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return errno;
  struct stat st;
  if (::fstat(fd, &st) != 0) return errno;
  if (!IsDevice(st, S_IFCHR, 1, 3)) return ENXIO;
  Fill(program, step, fd);
  return 0;
}

int OpenTerminal(State& state, std::uint32_t index, const Step& step) noexcept {
  const int root = Slot(state.program, step);
  const ScopedFd master(OpenIn(root, "/dev/pts/ptmx", O_RDWR | O_NOCTTY, RESOLVE_NO_SYMLINKS));
  if (master.fd < 0) return -master.fd;
  if (const int err = CheckPtmx(master.fd); err != 0) return err;
  int unlock = 0;
  if (::ioctl(master.fd, TIOCSPTLCK, &unlock) != 0) return errno;
  // By descriptor: /dev/pts/N is a name the container could point elsewhere.
  const int terminal = ::ioctl(master.fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (terminal < 0) return errno;
  Fill(state.program, step, terminal);
  if (step.n[0] != 0 || step.n[1] != 0) {
    winsize size{};
    size.ws_row = static_cast<unsigned short>(step.n[0]);
    size.ws_col = static_cast<unsigned short>(step.n[1]);
    if (::ioctl(terminal, TIOCSWINSZ, &size) != 0) return errno;
  }
  if (step.n[3] != 0) {
    termios settings{};
    if (::ioctl(terminal, TCGETS, &settings) != 0) return errno;
    settings.c_oflag &= ~static_cast<tcflag_t>(ONLCR);
    if (::ioctl(terminal, TCSETS, &settings) != 0) return errno;
  }
  if (step.n[2] != 0) {
    if (const int err = BindConsole(root, terminal); err != 0) return err;
  }
  return SendFd(state, index, master.fd);
}

}  // namespace estiba::child
