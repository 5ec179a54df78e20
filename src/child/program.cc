#include "internal.h"

#include <cstring>

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>

namespace estiba::child {
namespace {

int CloseRange(unsigned first, unsigned last) noexcept {
  return first > last ? 0 : ErrnoOf(::syscall(SYS_close_range, first, last, 0));
}

int IsProgram(const char* path) noexcept {
  struct stat st;
  if (::fstatat(AT_FDCWD, path, &st, 0) != 0) return errno;
  if (S_ISDIR(st.st_mode)) return EISDIR;
  if ((st.st_mode & 0111) == 0) return EACCES;
  // With the effective ids and capabilities, which are the final ones (faccessat2(2), ≥ 5.8).
  const int err = ErrnoOf(::syscall(SYS_faccessat2, AT_FDCWD, path, X_OK, AT_EACCESS));
  return err == ENOSYS || err == EPERM ? 0 : err;  // EPERM: the container's filter, already loaded, is older than it
}

// "dir/name" into `out`; an empty directory is the current one, as in a shell.
bool Compose(char (&out)[PATH_MAX], const char* dir, std::size_t dir_size, const char* name) noexcept {
  const std::size_t name_size = std::strlen(name);
  if (dir_size + 1 + name_size + 1 > sizeof out) return false;
  if (dir_size == 0) {
    out[0] = '.';
    dir_size = 1;
  } else {
    std::memcpy(out, dir, dir_size);
  }
  out[dir_size] = '/';
  std::memcpy(out + dir_size + 1, name, name_size + 1);
  return true;
}

}  // namespace

int NewSession(const Program& program, const Step& step) noexcept {
  if (::setsid() < 0) return errno;
  const int terminal = Slot(program, step);
  return terminal < 0 ? 0 : ErrnoOf(::ioctl(terminal, TIOCSCTTY, 0));
}

int Stdio(const Program& program, const Step& step) noexcept {
  const int terminal = Slot(program, step);
  int aside[3];
  for (int i = 0; i < 3; ++i) {
    const int wanted = terminal >= 0 ? terminal : program.stdio[i];
    aside[i] = ::fcntl(wanted >= 0 ? wanted : program.null_fd, F_DUPFD_CLOEXEC, program.aside);
    if (aside[i] < 0) return errno;
  }
  for (int i = 0; i < 3; ++i) {
    if (::dup3(aside[i], i, 0) < 0) return errno;
  }
  for (std::uint32_t i = 0; i < program.extra_count; ++i) {
    // The parent passes these with numbers that no other one is moved to (≥ aside).
    if (::dup3(program.extra[i], static_cast<int>(3 + i), 0) < 0) return errno;
  }
  return 0;
}

int CloseDescriptors(const State& state) noexcept {
  const Program& program = state.program;
  // In rising order; everything between them goes, whoever opened it (CVE-2024-21626).
  // The last slot is the state document of hooks, which write to said_fd or null_fd; an execve closes all of these.
  const int document = program.slot_count > 0 ? program.slots[program.slot_count - 1] : -1;
  constexpr int kKept = 6;
  int keep[kKept] = {program.sync_fd, program.gate_fd, program.gate_report_fd, document,
                     document >= 0 ? program.null_fd : -1, document >= 0 ? program.said_fd : -1};
  for (int i = 0; i < kKept - 1; ++i) {
    for (int j = i + 1; j < kKept; ++j) {
      if (keep[j] >= keep[i]) continue;
      const int lower = keep[j];
      keep[j] = keep[i];
      keep[i] = lower;
    }
  }
  unsigned first = 3 + program.extra_count;
  for (const int fd : keep) {
    if (fd < 0) continue;
    const unsigned number = static_cast<unsigned>(fd);
    if (number > first) {
      if (const int err = CloseRange(first, number - 1); err != 0) return err;
    }
    if (number >= first) first = number + 1;
  }
  return CloseRange(first, ~0U);
}

int WorkDirectory(const Step& step) noexcept {
  const ScopedFd root(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (root.fd < 0) return errno;
  const ScopedFd directory(EnsureTarget(root.fd, step.s[0], Make::kDirectory, 0755));
  if (directory.fd < 0) return -directory.fd;
  if (::fchdir(directory.fd) != 0) return errno;
  // Outside of the root the kernel answers "(unreachable)…": then some descriptor of the host led us there.
  char here[PATH_MAX];
  if (::syscall(SYS_getcwd, here, sizeof here) < 0) return errno;
  return here[0] == '/' ? 0 : EXDEV;
}

int FindProgram(State& state) noexcept {
  const char* name = state.program.argv[0];
  if (name == nullptr || *name == '\0') return kLookupBase + ENOENT;
  if (std::strchr(name, '/') != nullptr) {
    const std::size_t size = std::strlen(name);
    if (size >= sizeof state.found) return ENAMETOOLONG;
    std::memcpy(state.found, name, size + 1);
    return IsProgram(name);
  }
  const char* path = state.program.path;
  for (const char* dir = path; dir != nullptr && *path != '\0';) {
    const char* colon = std::strchr(dir, ':');
    const std::size_t size = colon != nullptr ? static_cast<std::size_t>(colon - dir) : std::strlen(dir);
    if (Compose(state.found, dir, size, name) && IsProgram(state.found) == 0) return 0;
    dir = colon != nullptr ? colon + 1 : nullptr;
  }
  return kLookupBase + ENOENT;
}

int Execute(const State& state) noexcept {
  ::execve(state.found, state.program.argv, state.program.envp);
  return errno;
}

}  // namespace estiba::child
