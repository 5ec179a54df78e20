// floor ROOTFS NAME: the kernel operations of a container with `runc spec`'s configuration (terminal false, `true` as
// its program), and nothing else: no configuration is read, nothing is checked, recorded or said. What a runtime takes
// longer than this is its own. tests/conformance/test_floor.py holds its system calls against estiba-oci's.
//
// For hosts with one v1 controller a mount below /sys/fs/cgroup and the unified hierarchy in /sys/fs/cgroup/unified.

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup/settings.h"
#include "os/bpf.h"
#include "os/clone.h"

// <sys/mount.h> clashes with <linux/mount.h> in older C libraries.
extern "C" int mount(const char* source, const char* target, const char* type, unsigned long flags,
                     const void* data) noexcept;
extern "C" int umount2(const char* target, int flags) noexcept;

namespace {

using estiba::cgroup::DefaultDeviceRules;
using estiba::cgroup::DeviceProgram;

constexpr std::array<const char*, 7> kControllers = {"cpu", "cpuacct", "cpuset", "memory", "blkio", "pids", "systemd"};
constexpr std::uint64_t kQuiet = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
constexpr std::uint64_t kKept = 1U << CAP_KILL | 1U << CAP_NET_BIND_SERVICE | 1U << CAP_AUDIT_WRITE;

// Nothing here may fail: the figure would be wrong.
long Must(long result, const char* what) {
  if (result >= 0) return result;
  std::perror(what);
  std::_Exit(1);
}

int Open(int dir, const std::string& path, int flags) {
  return static_cast<int>(Must(::openat(dir, path.c_str(), flags | O_CLOEXEC), path.c_str()));
}

void Write(int fd, const char* text, std::size_t size) { Must(::write(fd, text, size), "write"); }

struct Groups {
  std::array<int, kControllers.size()> dirs;
  std::array<int, kControllers.size()> tasks;
  std::array<int, kControllers.size() + 1> trees;  // the unified one last
  int unified;
  std::string name;
};

// Each a directory in its parent's, which is made once and stays.
int MakeGroup(const char* hierarchy, const std::string& name) {
  const int parent = Open(AT_FDCWD, std::string("/sys/fs/cgroup/") + hierarchy + "/estiba-floor", O_DIRECTORY);
  Must(::mkdirat(parent, name.c_str(), 0755), hierarchy);
  const int dir = Open(parent, name, O_RDONLY | O_DIRECTORY);
  ::close(parent);
  return dir;
}

int CloneTree(int dir, const char* path, unsigned flags) {
  return static_cast<int>(
      Must(::syscall(SYS_open_tree, dir, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags), "open_tree"));
}

void SetAttributes(int fd, std::uint64_t set, std::uint64_t propagation, unsigned flags) {
  mount_attr attributes{};
  attributes.attr_set = set;
  attributes.propagation = propagation;
  Must(::syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | flags, &attributes, sizeof attributes), "mount_setattr");
}

int OwnTree(int group) {
  const int tree = CloneTree(group, "", AT_EMPTY_PATH);
  SetAttributes(tree, kQuiet | MOUNT_ATTR_RDONLY, 1U << 18 /*MS_PRIVATE*/, 0);
  return tree;
}

Groups MakeGroups(const std::string& name) {
  Groups groups;
  groups.name = name;
  for (std::size_t i = 0; i < kControllers.size(); ++i) {
    groups.dirs[i] = MakeGroup(kControllers[i], name);
    if (std::string(kControllers[i]) == "cpuset") {
      char value[256];
      for (const char* file : {"cpuset.cpus", "cpuset.mems"}) {
        const int from = Open(groups.dirs[i], std::string("../") + file, O_RDONLY);
        const int to = Open(groups.dirs[i], file, O_WRONLY);
        Write(to, value, static_cast<std::size_t>(Must(::read(from, value, sizeof value), file)));
        ::close(from);
        ::close(to);
      }
    }
    groups.tasks[i] = Open(groups.dirs[i], "tasks", O_WRONLY);
    groups.trees[i] = OwnTree(groups.dirs[i]);
  }
  groups.unified = MakeGroup("unified", name);
  groups.trees.back() = OwnTree(groups.unified);
  return groups;
}

void RefuseDevices(int unified) {
  auto rules = DefaultDeviceRules();
  rules.insert(rules.begin(), {.allow = false, .type = 'a', .major = {}, .minor = {}, .access = "rwm"});
  const auto program = DeviceProgram(rules);
  const auto loaded = estiba::os::LoadDeviceProgram(*program);
  Must(loaded.ok() && estiba::os::AttachDeviceProgram(unified, loaded->get()).ok() ? 0 : -1, "device program");
}

struct Option {
  const char* key;
  const char* value;
};

int Filesystem(const char* type, std::initializer_list<Option> options, std::uint64_t attributes) {
  const int fs = static_cast<int>(Must(::syscall(SYS_fsopen, type, FSOPEN_CLOEXEC), type));
  for (const Option& option : options) {
    const unsigned command = option.value == nullptr ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING;
    Must(::syscall(SYS_fsconfig, fs, command, option.key, option.value, 0), option.key);
  }
  Must(::syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0), type);
  const int made = static_cast<int>(Must(::syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attributes), type));
  ::close(fs);
  return made;
}

void Attach(int tree, int root, const char* target) {
  const unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | (*target == '\0' ? MOVE_MOUNT_T_EMPTY_PATH : 0U);
  Must(::syscall(SYS_move_mount, tree, "", root, target, flags), target);
}

// `make`: the mount point is not in the root.
void Mount(int root, const char* target, int tree, bool make = false) {
  if (make) Must(::mkdirat(root, target, 0755), target);
  Attach(tree, root, target);
}

void MountCgroups(int root, const Groups& groups) {
  const int top = Filesystem("tmpfs", {{"source", "tmpfs"}, {"mode", "755"}}, kQuiet);
  Attach(top, root, "sys/fs/cgroup");
  for (std::size_t i = 0; i < groups.trees.size(); ++i) {
    const std::string target = std::string("sys/fs/cgroup/") + (i < kControllers.size() ? kControllers[i] : "unified");
    Mount(root, target.c_str(), groups.trees[i], true);
  }
  SetAttributes(top, MOUNT_ATTR_RDONLY, 0, 0);
}

void MountAll(int root, const Groups& groups) {
  Mount(root, "proc", Filesystem("proc", {{"source", "proc"}}, 0));
  Mount(root, "dev", Filesystem("tmpfs", {{"source", "tmpfs"}, {"mode", "755"}, {"size", "65536k"}},
                                MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME));
  Mount(root, "dev/pts",
        Filesystem("devpts", {{"source", "devpts"}, {"newinstance", nullptr}, {"ptmxmode", "0666"}, {"mode", "0620"},
                              {"gid", "5"}}, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC), true);
  Mount(root, "dev/shm", Filesystem("tmpfs", {{"source", "shm"}, {"mode", "1777"}, {"size", "65536k"}}, kQuiet), true);
  Mount(root, "dev/mqueue", Filesystem("mqueue", {{"source", "mqueue"}}, kQuiet), true);
  Mount(root, "sys", Filesystem("sysfs", {{"source", "sysfs"}}, kQuiet | MOUNT_ATTR_RDONLY));
  MountCgroups(root, groups);
}

void FillDev(int root) {
  const int dev = Open(root, "dev", O_PATH | O_DIRECTORY);
  constexpr struct {
    const char* name;
    unsigned major, minor;
  } kNodes[] = {{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}};
  for (const auto& node : kNodes)
    Must(::mknodat(dev, node.name, S_IFCHR | 0666, makedev(node.major, node.minor)), node.name);
  constexpr Option kLinks[] = {{"ptmx", "pts/ptmx"}, {"fd", "/proc/self/fd"}, {"stdin", "/proc/self/fd/0"},
                               {"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"}, {"core", "/proc/kcore"}};
  for (const Option& link : kLinks) Must(::symlinkat(link.value, dev, link.key), link.key);
  ::close(dev);
}

void Hide(int root, int null) {
  for (const char* path : {"proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"}) {
    if (::faccessat(root, path, F_OK, 0) != 0) continue;
    const int tree = CloneTree(root, path, 0x8000 /*AT_RECURSIVE*/);
    Attach(tree, root, path);
    SetAttributes(tree, MOUNT_ATTR_RDONLY, 0, 0);
    ::close(tree);
  }
  int empty = -1;
  for (const char* path : {"proc/acpi", "proc/asound", "proc/kcore", "proc/keys", "proc/latency_stats",
                           "proc/timer_list", "proc/timer_stats", "proc/sched_debug", "sys/firmware", "proc/scsi"}) {
    struct stat st;
    if (::fstatat(root, path, &st, 0) != 0) continue;
    const bool first = S_ISDIR(st.st_mode) && empty < 0;
    if (first) empty = Filesystem("tmpfs", {{"source", "tmpfs"}, {"ro", nullptr}}, kQuiet | MOUNT_ATTR_RDONLY);
    const int cover = first ? empty : CloneTree(S_ISDIR(st.st_mode) ? empty : null, "", AT_EMPTY_PATH);
    Attach(cover, root, path);
    if (!first) ::close(cover);
  }
}

void Pivot(int root) {
  const int old_root = Open(AT_FDCWD, "/", O_PATH | O_DIRECTORY);
  Must(::fchdir(root), "fchdir");
  Must(::syscall(SYS_pivot_root, ".", "."), "pivot_root");
  Must(::fchdir(old_root), "fchdir");
  Must(::umount2(".", 2 /*MNT_DETACH*/), "umount2");
  Must(::chdir("/"), "chdir");
}

void BringLoopbackUp() {
  const int socket = static_cast<int>(Must(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  ifreq request{};
  request.ifr_name[0] = 'l';
  request.ifr_name[1] = 'o';
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  Must(::ioctl(socket, SIOCSIFFLAGS, &request), "lo");
  ::close(socket);
}

void DropRights() {
  for (unsigned capability = 0; capability <= CAP_LAST_CAP; ++capability) {
    if ((kKept >> capability & 1) != 0 || ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) != 1) continue;
    Must(::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0), "PR_CAPBSET_DROP");
  }
  Must(::syscall(SYS_setgroups, 0, nullptr), "setgroups");
  Must(::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0), "PR_SET_KEEPCAPS");
  Must(::syscall(SYS_setresgid, 0, 0, 0), "setresgid");
  Must(::syscall(SYS_setresuid, 0, 0, 0), "setresuid");
  Must(::prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0), "PR_SET_KEEPCAPS");
  Must(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "PR_CAP_AMBIENT_CLEAR_ALL");
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const auto kept = static_cast<unsigned>(kKept);
  const __user_cap_data_struct data[2] = {{kept, kept, 0}, {0, 0, 0}};
  Must(::syscall(SYS_capset, &header, data), "capset");
  Must(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS");
}

[[noreturn]] void Inside(const Groups& groups, int root) {
  for (const int tasks : groups.tasks) Write(tasks, "0", 1);
  Must(::sethostname("runc", 4), "sethostname");
  BringLoopbackUp();
  const int null = Open(AT_FDCWD, "/dev/null", O_PATH);
  Must(::mount(nullptr, "/", nullptr, 1U << 14 | 1U << 19 /*MS_REC | MS_SLAVE*/, nullptr), "mount");
  Attach(root, AT_FDCWD, "/");
  MountAll(root, groups);
  FillDev(root);
  Hide(root, null);
  SetAttributes(root, MOUNT_ATTR_RDONLY, 0, 0);
  Pivot(root);
  Must(::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, "_ses.floor"), "keyctl");
  Must(::setsid(), "setsid");
  Must(::syscall(SYS_close_range, 3, ~0U, 0), "close_range");
  const rlimit files{1024, 1024};
  Must(::setrlimit(RLIMIT_NOFILE, &files), "setrlimit");
  DropRights();
  ::umask(022);
  const char* const argv[] = {"true", nullptr};
  const char* const envp[] = {"PATH=/bin", nullptr};
  Must(::execve("/bin/true", const_cast<char**>(argv), const_cast<char**>(envp)), "execve");
  std::_Exit(1);
}

void RemoveGroup(const char* hierarchy, const std::string& name) {
  const std::string path = std::string("/sys/fs/cgroup/") + hierarchy + "/estiba-floor/" + name;
  Must(::rmdir(path.c_str()), path.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const int root = CloneTree(AT_FDCWD, argv[1], 0x8000 /*AT_RECURSIVE*/);
  SetAttributes(root, 0, 1U << 18 /*MS_PRIVATE*/, 0x8000);
  const Groups groups = MakeGroups(argv[2]);
  RefuseDevices(groups.unified);
  clone_args args{};
  args.flags = CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS | CLONE_INTO_CGROUP;
  args.exit_signal = SIGCHLD;
  args.cgroup = static_cast<std::uint64_t>(groups.unified);
  const long pid = Must(estiba::os::Clone3(args), "clone3");
  if (pid == 0) Inside(groups, root);
  int status = 0;
  Must(::waitpid(static_cast<pid_t>(pid), &status, 0), "waitpid");
  for (const char* controller : kControllers) RemoveGroup(controller, groups.name);
  RemoveGroup("unified", groups.name);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
