#pragma once
// A container like docker's over a root with busybox alone, and what it printed.

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup/cgroup.h"
#include "cgroup/hierarchy.h"
#include "os/features.h"
#include "os/fd.h"
#include "os/file.h"
#include "plan/build.h"
#include "plan/wire.h"
#include "runtime/container.h"
#include "tests/disk_dir.h"
#include "tests/support.h"

namespace estiba::runtime {

inline constexpr const char* kBusybox = "/usr/bin/busybox";

inline bool Capable() { return ::geteuid() == 0 && ::access(kBusybox, X_OK) == 0; }

inline plan::HostFacts Facts() {
  plan::HostFacts facts;
  facts.kernel = os::ProbeFeatures();
  if (auto found = cgroup::Probe(); found.ok()) facts.cgroups = std::move(found).value();
  return facts;
}

inline oci::Mount MakeMount(const char* target, const char* type, const std::string& source,
                            std::vector<std::string> options) {
  oci::Mount mount;
  mount.destination = target;
  mount.type = type;
  mount.source = source;
  mount.options = std::move(options);
  return mount;
}

inline std::vector<oci::Mount> DockerMounts() {
  return {
      MakeMount("/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}),
      MakeMount("/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}),
      MakeMount("/dev/pts", "devpts", "devpts",
                {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}),
      MakeMount("/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}),
      MakeMount("/sys/fs/cgroup", "cgroup", "cgroup", {"ro", "nosuid", "noexec", "nodev"}),
      MakeMount("/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}),
      MakeMount("/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=67108864"}),
  };
}

inline oci::RuntimeSpec DockerSpec(std::vector<std::string> args) {
  using oci::NamespaceType;
  oci::RuntimeSpec spec;
  spec.process.emplace();
  spec.process->args = std::move(args);
  spec.process->env = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};
  const std::vector<std::string> caps = {"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD",
                                         "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP",
                                         "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE"};
  spec.process->capabilities.emplace();
  spec.process->capabilities->bounding = caps;
  spec.process->capabilities->effective = caps;
  spec.process->capabilities->permitted = caps;
  spec.hostname = "box";
  spec.mounts = DockerMounts();
  for (const NamespaceType type : {NamespaceType::kPid, NamespaceType::kNetwork, NamespaceType::kMount,
                                   NamespaceType::kIpc, NamespaceType::kUts, NamespaceType::kCgroup}) {
    spec.linux_config.namespaces.push_back({type, ""});
  }
  spec.linux_config.masked_paths = {"/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list",
                                    "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/proc/does-not-exist"};
  spec.linux_config.readonly_paths = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
  return spec;
}

// Where a test's container lives; gone at the end, with its cgroups.
class Box {
 public:
  Box() {
    for (const char* path : {"lower", "upper", "work"}) ::mkdir((dir_ / path).c_str(), 0755);
    for (const char* path : {"lower/bin", "lower/etc", "lower/tmp", "lower/proc"}) ::mkdir((dir_ / path).c_str(), 0755);
    ::chmod((dir_ / "lower/tmp").c_str(), 01777);
    auto copied = os::ReadFile(kBusybox);
    if (copied.ok()) Write("lower/bin/busybox", *copied, 0755);
    for (const char* applet : {"sh", "cat", "echo", "id", "ls", "mount", "sleep", "stat", "hostname", "ps", "ip",
                               "readlink", "touch", "mkdir", "env", "tty", "stty", "pwd", "kill", "grep", "true",
                               "mknod", "umount", "test", "head", "dd", "nice", "ulimit", "tail", "wc", "chroot"}) {
      (void)!::symlink("busybox", (dir_ / "lower/bin" + "/" + applet).c_str());
    }
    Write("lower/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nada:x:1000:1001:Ada:/home/ada:/bin/sh\n", 0644);
    Write("lower/etc/group", "root:x:0:root\nada:x:1001:\nwheel:x:10:ada,root\naudio:x:29:ada\n", 0644);
    id_ = std::string("estiba-test-") + (dir_.path() + 17);
  }
  ~Box() {
    if (!last_.cgroup_path.empty()) (void)!Undo(last_).ok();
    // The parent of all tests' cgroups, by whoever is last.
    for (const cgroup::Hierarchy& hierarchy : Facts().cgroups.hierarchies) {
      ::rmdir((hierarchy.mountpoint + "/estiba-test").c_str());
    }
  }
  Box(const Box&) = delete;
  Box& operator=(const Box&) = delete;

  const testing::DiskDir& dir() const { return dir_; }
  const std::string& id() const { return id_; }
  std::string CgroupPath() const { return "/estiba-test/" + id_; }
  void Write(const std::string& name, const std::string& content, mode_t mode) {
    const std::string path = dir_ / name.c_str();
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0) return;
    (void)!::write(fd, content.data(), content.size());
    ::fchmod(fd, mode);
    ::close(fd);
  }

  plan::ContainerInput Input(oci::RuntimeSpec spec) const {
    plan::ContainerInput input;
    input.id = id_;
    input.name = "web";
    input.spec = std::move(spec);
    input.storage.kind = plan::Storage::Kind::kOverlay;
    input.storage.lowers = {{dir_ / "lower"}};
    input.storage.upper = dir_ / "upper";
    input.storage.work = dir_ / "work";
    input.network.mode = plan::Network::Mode::kNone;
    input.cgroup_path = CgroupPath();
    return input;
  }

  struct Ran {
    os::ExitStatus status;
    std::string output;  // stdout and stderr
  };
  Result<Ran> Run(const plan::ContainerInput& input, const plan::HostFacts& facts = Facts()) {
    plan::Plan plan = TRY(plan::BuildContainer(input, facts));
    last_ = TRY(plan::Decode(plan::Encode(plan)));
    auto pipe = TRY(os::MakePipe());
    LaunchOptions options;
    options.stdio.out = options.stdio.err = pipe.write.get();
    auto container = TRY(Container::Create(last_, options));
    TRY(container.Start());
    pipe.write.Reset();
    Ran ran;
    ran.output = TRY(os::ReadAll(pipe.read.get()));
    auto process = container.Detach();
    ran.status = TRY(process.Wait());
    TRY(Undo(last_));
    return ran;
  }
  Result<Ran> Run(std::vector<std::string> args) { return Run(Input(DockerSpec(std::move(args)))); }
  Result<Ran> Shell(const std::string& script) { return Run(std::vector<std::string>{"sh", "-c", script}); }
  void Keep(plan::Plan plan) { last_ = std::move(plan); }

 private:
  testing::DiskDir dir_;
  std::string id_;
  plan::Plan last_;
};

}  // namespace estiba::runtime
