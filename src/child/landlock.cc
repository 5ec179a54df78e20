#include "internal.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>

namespace estiba::child {
namespace {

// What can be done to a file; a rule about one may name nothing else.
constexpr std::uint64_t kTruncate = 1U << 14;     // ABI 3, Linux 6.2
constexpr std::uint64_t kIoctlDevice = 1U << 15;  // ABI 5, Linux 6.10
constexpr std::uint64_t kOnFiles = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                                   LANDLOCK_ACCESS_FS_READ_FILE | kTruncate | kIoctlDevice;

}  // namespace

int LandlockRuleset(const Program& program, const Step& step) noexcept {
  const std::uint64_t handled = step.n[0];  // the first member of landlock_ruleset_attr, and all that is set of it
  const long fd = ::syscall(SYS_landlock_create_ruleset, &handled, sizeof handled, 0);
  if (fd < 0) return errno;
  Fill(program, step, static_cast<int>(fd));
  return 0;
}

int LandlockRule(const Program& program, const Step& step) noexcept {
  const ScopedFd path(::open(step.s[0], O_PATH | O_CLOEXEC));
  if (path.fd < 0) return errno;
  struct stat st;
  if (::fstat(path.fd, &st) != 0) return errno;
  landlock_path_beneath_attr rule{};
  rule.allowed_access = S_ISDIR(st.st_mode) ? step.n[0] : step.n[0] & kOnFiles;
  rule.parent_fd = path.fd;
  if (rule.allowed_access == 0) return 0;  // it names what can be done to directories only
  return ErrnoOf(::syscall(SYS_landlock_add_rule, Slot(program, step), LANDLOCK_RULE_PATH_BENEATH, &rule, 0));
}

int LandlockRestrict(const Program& program, const Step& step) noexcept {
  const int ruleset = Slot(program, step);
  if (const int err = ErrnoOf(::syscall(SYS_landlock_restrict_self, ruleset, 0)); err != 0) return err;
  return ErrnoOf(::close(ruleset));
}

}  // namespace estiba::child
