#include "os/sandbox.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace estiba::os {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kArch = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kArch = AUDIT_ARCH_AARCH64;
#else
#error "name this architecture's AUDIT_ARCH_"
#endif

// linux/landlock.h of Debian 12 ends at ABI 2.
constexpr std::uint64_t kRefer = 1U << 13;     // ABI 2, Linux 5.19
constexpr std::uint64_t kTruncate = 1U << 14;  // ABI 3, Linux 6.2
constexpr std::uint64_t kIoctlDevice = 1U << 15;  // ABI 5, Linux 6.10
constexpr int kFirstAbiWithRefer = 2;

constexpr std::uint64_t kRead = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t kBasic = (std::uint64_t{1} << 13) - 1;  // ABI 1
constexpr std::uint64_t kOnFiles = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_EXECUTE;

std::uint64_t Handled(int abi) {
  std::uint64_t rights = kBasic | kRefer;
  if (abi >= 3) rights |= kTruncate;
  if (abi >= 5) rights |= kIoctlDevice;
  return rights;
}

Status AddRule(int ruleset, int path, std::uint64_t rights, const std::string& name) {
  const landlock_path_beneath_attr rule{rights, path};
  if (::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
    return Error::Errno(errno, "allow '" + name + "' in the sandbox");
  return Ok();
}

Status AddReadable(int ruleset, const std::string& path) {
  const auto opened = OpenAt({AT_FDCWD}, path, O_PATH);
  if (!opened.ok()) return Ok();  // not on this system
  struct stat info {};
  if (::fstat(opened->get(), &info) < 0) return Error::Errno(errno, "look at '" + path + "'");
  // Directories hold the C library's plug-ins for look-ups: executing means mapping here.
  const std::uint64_t rights = kRead | LANDLOCK_ACCESS_FS_EXECUTE;
  return AddRule(ruleset, opened->get(), S_ISDIR(info.st_mode) ? rights : rights & kOnFiles, path);
}

sock_filter Load(std::size_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
}
sock_filter JumpIfEqual(std::uint32_t value, std::uint8_t yes, std::uint8_t no) {
  return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no);
}
sock_filter Return(std::uint32_t action) { return BPF_STMT(BPF_RET | BPF_K, action); }
constexpr std::uint32_t Refuse(int errnum) { return SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(errnum); }

std::vector<sock_filter> Program(const std::vector<long>& calls) {
  std::vector<sock_filter> out;
  out.push_back(Load(offsetof(seccomp_data, arch)));
  out.push_back(JumpIfEqual(kArch, 1, 0));
  out.push_back(Return(SECCOMP_RET_KILL_PROCESS));
  out.push_back(Load(offsetof(seccomp_data, nr)));
#if defined(__x86_64__)
  constexpr std::uint32_t kX32Bit = 0x40000000;  // the same architecture, other numbers
  out.push_back(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kX32Bit, 0, 1));
  out.push_back(Return(SECCOMP_RET_KILL_PROCESS));
#endif
  out.push_back(JumpIfEqual(SYS_clone3, 0, 1));
  out.push_back(Return(Refuse(ENOSYS)));
  for (const long call : calls) {
    out.push_back(JumpIfEqual(static_cast<std::uint32_t>(call), 0, 1));
    out.push_back(Return(Refuse(EPERM)));
  }
  out.push_back(JumpIfEqual(SYS_socket, 0, 4));
  out.push_back(Load(offsetof(seccomp_data, args)));  // the family
  out.push_back(JumpIfEqual(AF_UNIX, 0, 1));
  out.push_back(Return(Refuse(EAFNOSUPPORT)));
  out.push_back(Return(SECCOMP_RET_ALLOW));
  out.push_back(JumpIfEqual(SYS_clone, 1, 0));
  out.push_back(Return(SECCOMP_RET_ALLOW));
  out.push_back(Load(offsetof(seccomp_data, args)));  // the flags, little end first
  out.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 1, 0));
  out.push_back(Return(Refuse(EPERM)));
  out.push_back(Return(SECCOMP_RET_ALLOW));
  return out;
}

}  // namespace

Status RaiseDescriptorLimit(std::uint64_t most) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) < 0) return Error::Errno(errno, "read the limit nofile");
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, most);
  if (::setrlimit(RLIMIT_NOFILE, &limit) < 0) return Error::Errno(errno, "set the limit nofile");
  return Ok();
}

Status ForbidCores() {
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) < 0) return Error::Errno(errno, "set the limit core");
  return Ok();
}

Status SetNoNewPrivileges() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return Error::Errno(errno, "set no_new_privs");
  return Ok();
}

Result<bool> RestrictFiles(const FileAccess& access) {
  const long abi = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  // ENOSYS: before 5.13 or not built in; EOPNOTSUPP: switched off at boot. Any other refusal is one.
  if (const int err = errno; abi < 0 && err != ENOSYS && err != EOPNOTSUPP)
    return Error::Errno(err, "ask for Landlock");
  // Before ABI 2 no rename may cross directories, and every blob's does.
  if (abi < kFirstAbiWithRefer) return false;
  landlock_ruleset_attr attributes{};
  attributes.handled_access_fs = Handled(static_cast<int>(abi));
  const long created = ::syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes.handled_access_fs, 0);
  if (created < 0) return Error::Errno(errno, "make a Landlock ruleset");
  const UniqueFd ruleset(static_cast<int>(created));
  const std::uint64_t write =
      attributes.handled_access_fs & ~(std::uint64_t{LANDLOCK_ACCESS_FS_EXECUTE} | kIoctlDevice);
  for (const int directory : access.writable)
    TRY(AddRule(ruleset.get(), directory, write, "descriptor " + std::to_string(directory)));
  for (const int directory : access.listed)
    TRY(AddRule(ruleset.get(), directory, kRead, "descriptor " + std::to_string(directory)));
  for (const std::string& path : access.readable) TRY(AddReadable(ruleset.get(), path));
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) < 0)
    return Error::Errno(errno, "enter the Landlock domain");
  return true;
}

std::vector<long> CallsOfNoLeaf() {
  return {
      SYS_execve, SYS_execveat, SYS_unshare, SYS_setns, SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot,
      SYS_open_tree, SYS_move_mount, SYS_fsopen, SYS_fsconfig, SYS_fsmount, SYS_fspick, SYS_mount_setattr,
      SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_pidfd_getfd, SYS_kcmp, SYS_bpf, SYS_perf_event_open,
      SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_kexec_load, SYS_kexec_file_load, SYS_reboot,
      SYS_swapon, SYS_swapoff, SYS_acct, SYS_quotactl, SYS_sethostname, SYS_setdomainname, SYS_settimeofday,
      SYS_clock_settime, SYS_clock_adjtime, SYS_adjtimex, SYS_keyctl, SYS_add_key, SYS_request_key,
      SYS_name_to_handle_at, SYS_open_by_handle_at, SYS_userfaultfd, SYS_io_uring_setup, SYS_io_uring_enter,
      SYS_io_uring_register, SYS_fanotify_init, SYS_personality, SYS_setuid, SYS_setgid, SYS_setresuid, SYS_setresgid,
      SYS_setgroups, SYS_kill, SYS_tkill, SYS_tgkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo, SYS_pidfd_send_signal,
      SYS_pidfd_open, SYS_syslog, SYS_vhangup,
#if defined(__x86_64__)
      SYS_fork, SYS_vfork, SYS_iopl, SYS_ioperm, SYS_modify_ldt,
#endif
  };
}

Status DenyCalls(const std::vector<long>& calls) {
  std::vector<sock_filter> program = Program(calls);
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) < 0)
    return Error::Errno(errno, "install a seccomp filter");
  return Ok();
}

Status KeepCapabilities(std::uint64_t keep) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> sets{};
  if (::syscall(SYS_capget, &header, sets.data()) < 0) return Error::Errno(errno, "read capabilities");
  for (unsigned i = 0; i < sets.size(); ++i) {
    const auto bits = static_cast<std::uint32_t>(keep >> (32 * i));
    sets[i].permitted &= bits;
    sets[i].effective = sets[i].permitted;
    sets[i].inheritable = 0;
  }
  if (::syscall(SYS_capset, &header, sets.data()) < 0) return Error::Errno(errno, "give up capabilities");
  return Ok();
}

}  // namespace estiba::os
