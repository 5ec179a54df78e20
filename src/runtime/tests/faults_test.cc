// System calls that the kernel refuses: a step that fails ends the start, is named, and leaves no cgroup behind.

#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/mount.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cstddef>
#include <functional>

#include <gmock/gmock.h>
#include "fixture.h"
#include "os/memfd.h"
#include "os/sandbox.h"

namespace estiba::runtime {
namespace {

using ::testing::HasSubstr;

struct Call {
  long number;
  int argument = -1;         // only calls with this argument (its low half)…
  std::uint32_t value = 0;   // …of this value
};

// From here on the kernel answers `error` to `call`, to this process and its children.
void Refuse(const Call& call, int error) {
  const auto offset = static_cast<std::uint32_t>(offsetof(seccomp_data, args) +
                                                 8 * static_cast<std::size_t>(std::max(call.argument, 0)));
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call.number), 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call.value, 0, static_cast<std::uint8_t>(call.argument < 0 ? 0 : 1)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{sizeof program / sizeof *program, program};
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) != 0) ::_exit(2);
}

// What `work` says in a process of its own.
std::string InAnotherProcess(const std::function<std::string()>& work) {
  os::Pipe pipe = os::MakePipe().value();
  const pid_t child = ::fork();
  if (child == 0) {
    pipe.read.Reset();
    (void)!os::WriteAll(pipe.write.get(), work()).ok();
    ::_exit(0);
  }
  pipe.write.Reset();
  const std::string said = os::ReadAll(pipe.read.get()).value();
  ::waitpid(child, nullptr, 0);
  return said;
}

std::vector<std::string> CgroupsLeft(const std::string& path) {
  std::vector<std::string> left;
  for (const cgroup::Hierarchy& hierarchy : Facts().cgroups.hierarchies) {
    const std::string folder = hierarchy.mountpoint + path;
    if (::access(folder.c_str(), F_OK) == 0) left.push_back(folder);
  }
  return left;
}

using Change = void (*)(oci::RuntimeSpec& spec);

struct Fault {
  const char* name;
  Call call;
  int error;
  const char* told;  // what the message names
  Change change = nullptr;
};

void WithoutCgroupMount(oci::RuntimeSpec& spec) {
  std::erase_if(spec.mounts, [](const oci::Mount& mount) { return mount.type == "cgroup"; });
}
void ReadOnlyRootAlone(oci::RuntimeSpec& spec) {
  WithoutCgroupMount(spec);
  spec.linux_config.readonly_paths.clear();
  spec.root.readonly = true;
}
void NoNewPrivileges(oci::RuntimeSpec& spec) { spec.process->no_new_privileges = true; }
void Filtered(oci::RuntimeSpec& spec) {
  NoNewPrivileges(spec);
  spec.linux_config.seccomp.emplace().default_action = oci::SeccompAction::kAllow;
}
void AnotherUser(oci::RuntimeSpec& spec) { spec.process->user.username = "ada"; }
void Limited(oci::RuntimeSpec& spec) { spec.process->rlimits = {{"RLIMIT_NOFILE", 99, 100}}; }

constexpr std::uint32_t kCloneFileMount = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;

constexpr Fault kFaults[] = {
    // privileges
    {"Groups", {SYS_setgroups}, EPERM, "supplementary groups"},
    {"GroupsOfAUser", {SYS_setgroups}, EPERM, "supplementary groups", AnotherUser},
    {"GroupId", {SYS_setresgid}, EPERM, "become uid 0, gid 0"},
    {"UserId", {SYS_setresuid}, EPERM, "become uid 0, gid 0"},
    {"KeepCapabilities", {SYS_prctl, 0, PR_SET_KEEPCAPS}, EPERM, "become uid 0, gid 0"},
    {"Capabilities", {SYS_capset}, EPERM, "set capabilities to"},
    {"CapabilitiesRead", {SYS_capget}, EPERM, "set capabilities to"},
    {"AmbientSet", {SYS_prctl, 0, PR_CAP_AMBIENT}, EPERM, "ambient capabilities"},
    {"BoundingSetRead", {SYS_prctl, 0, PR_CAPBSET_READ}, EPERM, "drop the bounding set"},
    {"BoundingSetDrop", {SYS_prctl, 0, PR_CAPBSET_DROP}, EPERM, "drop the bounding set"},
    {"NoNewPrivileges", {SYS_prctl, 0, PR_SET_NO_NEW_PRIVS}, EPERM, "set no_new_privs", NoNewPrivileges},
    {"Seccomp", {SYS_seccomp, 0, SECCOMP_SET_MODE_FILTER}, EPERM, "load a seccomp filter", Filtered},
    {"Keyring", {SYS_keyctl}, EPERM, "join session keyring"},
    {"Personality", {SYS_personality}, EPERM, "personality"},
    {"Rlimit", {SYS_prlimit64, 1, RLIMIT_NOFILE}, EPERM, "set 'RLIMIT_NOFILE' to 99:100", Limited},
    {"Session", {SYS_setsid}, EPERM, "start a session"},
    {"Descriptors", {SYS_close_range}, EPERM, "close every other descriptor"},
    // mounts
    {"ReadOnlyPath", {SYS_mount_setattr}, EPERM, "make '/proc/bus' read-only", WithoutCgroupMount},
    {"ReadOnlyRoot", {SYS_mount_setattr}, EPERM, "set mount attributes (ro)", ReadOnlyRootAlone},
    {"MaskedFile", {SYS_open_tree, 2, kCloneFileMount}, EPERM, "mask '/proc/k", WithoutCgroupMount},
    {"Root", {SYS_move_mount}, EPERM, "attach the root"},
    {"Pivot", {SYS_pivot_root}, EPERM, "pivot into the root"},
    {"HostTree", {SYS_umount2}, EPERM, "pivot into the root"},
    {"Propagation", {SYS_mount}, EPERM, "cut mount propagation"},
    // the rest of the start, in the parent and in the child
    {"Clone", {SYS_clone3}, EAGAIN, "clone: Resource temporarily unavailable"},
    {"Overlay", {SYS_fsopen}, EPERM, "open file system 'overlay'"},
    {"DeviceProgram", {SYS_bpf, 0, BPF_PROG_LOAD}, EPERM, "linux.resources.devices"},
    {"CgroupNamespace", {SYS_unshare}, EPERM, "make namespaces: cgroup"},
    {"Hostname", {SYS_sethostname}, EPERM, "set hostname 'box'"},
    {"Loopback", {SYS_socket}, EPERM, "bring up 'lo'"},
    {"Device", {SYS_mknodat}, EPERM, "make device '/dev/null'"},
    {"Execute", {SYS_execve}, EACCES, "exec true"},
};

class Refusing : public ::testing::Test {
 protected:
  void SetUp() override {
    REQUIRE(Capable(), "root and busybox");
    REQUIRE(Facts().kernel.seccomp_filter, "seccomp filters");
  }
  Box box_;
};

class Faults : public Refusing, public ::testing::WithParamInterface<Fault> {};

TEST_P(Faults, EndTheStartAreNamedAndLeaveNoCgroup) {
  const Fault& fault = GetParam();
  oci::RuntimeSpec spec = DockerSpec({"true"});
  if (fault.change != nullptr) fault.change(spec);
  const plan::ContainerInput input = box_.Input(std::move(spec));
  const plan::HostFacts facts = Facts();
  ASSERT_OK_AND_ASSIGN(plan::Plan plan, plan::BuildContainer(input, facts));
  box_.Keep(std::move(plan));

  const std::string said = InAnotherProcess([&] {
    Refuse(fault.call, fault.error);
    const auto ran = box_.Run(input, facts);
    return ran.ok() ? "it ran" : ran.error().Message();
  });

  EXPECT_THAT(said, HasSubstr("start container 'web': "));
  EXPECT_THAT(said, HasSubstr(fault.told));
  EXPECT_THAT(CgroupsLeft(box_.CgroupPath()), ::testing::IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Kernel, Faults, ::testing::ValuesIn(kFaults),
                         [](const auto& one) { return std::string(one.param.name); });

// A kernel before 5.12.
TEST_F(Refusing, WithoutMountSetattrReadOnlyPathsKeepTheirOtherRestrictions) {
  const std::string out = InAnotherProcess([&] {
    Refuse({SYS_mount_setattr}, ENOSYS);
    oci::RuntimeSpec spec = DockerSpec({"sh", "-c", "grep -E ' (/|/proc/sys|/ro) ' /proc/mounts; touch /x"});
    spec.root.readonly = true;
    spec.mounts.push_back(MakeMount("/ro", "bind", "/dev/shm", {"rbind", "ro", "exec"}));
    const auto ran = box_.Run(box_.Input(spec));
    return ran.ok() ? ran->output : ran.error().ToString();
  });
  EXPECT_THAT(out, ::testing::ContainsRegex(" /proc/sys proc ro,nosuid,nodev,noexec,"));
  EXPECT_THAT(out, ::testing::ContainsRegex("overlay / overlay ro,"));
  EXPECT_THAT(out, HasSubstr("touch: /x: Read-only file system"));
}

TEST_F(Refusing, WithoutMountSetattrWhatMountCannotDoIsRefusedByName) {
  plan::HostFacts old = Facts();
  old.kernel.mount_setattr = false;
  oci::RuntimeSpec spec = DockerSpec({"true"});
  spec.mounts.push_back(MakeMount("/data", "bind", "/tmp", {"bind", "noatime"}));
  const auto plan = plan::BuildContainer(box_.Input(spec), old);
  ASSERT_FALSE(plan.ok());
  EXPECT_THAT(plan.error().Message(), HasSubstr("mounts[7]: on a bind, options but ro"));
}

TEST_F(Refusing, WithoutDeviceProgramsTheDevicesControllerRules) {
  REQUIRE(Facts().cgroups.mode == cgroup::Mode::kHybrid, "v1 controllers");
  const std::string out = InAnotherProcess([&] {
    Refuse({SYS_bpf}, EPERM);
    const auto ran = box_.Shell("echo x > /dev/null && mknod /tmp/sda b 8 0 && head -c1 /tmp/sda");
    return ran.ok() ? ran->output : ran.error().ToString();
  });
  EXPECT_EQ(out, "head: /tmp/sda: Operation not permitted\n");
  EXPECT_THAT(CgroupsLeft(box_.CgroupPath()), ::testing::IsEmpty());
}

struct Lack {
  const char* name;
  Call call;
  int error;
};

// As docs/kernel.md has it: what a kernel does not have and a container can do without.
constexpr Lack kLacks[] = {
    {"Keyrings", {SYS_keyctl}, ENOSYS},
    {"FaccessAt2", {SYS_faccessat2}, ENOSYS},
    {"MountSetattr", {SYS_mount_setattr}, ENOSYS},
    {"Nice", {SYS_setpriority}, EPERM},
    {"IoPriority", {SYS_ioprio_set}, EPERM},
    {"SchedulingClass", {SYS_sched_setscheduler}, EPERM},
    {"MemoryPolicy", {SYS_set_mempolicy}, ENOSYS},
};

class Lacks : public Refusing, public ::testing::WithParamInterface<Lack> {};

TEST_P(Lacks, AContainerRunsAllTheSame) {
  const std::string out = InAnotherProcess([&] {
    Refuse(GetParam().call, GetParam().error);
    const auto ran = box_.Shell("echo ran");
    return ran.ok() ? ran->output : ran.error().Message();
  });
  EXPECT_EQ(out, "ran\n");
}

INSTANTIATE_TEST_SUITE_P(Kernel, Lacks, ::testing::ValuesIn(kLacks),
                         [](const auto& one) { return std::string(one.param.name); });

TEST_F(Refusing, WithoutSysResourceWhatWasAskedForIsNamedAndDefaultsGoAsFarAsTheyMay) {
  const auto run = [&](const std::function<void(oci::RuntimeSpec&)>& change) {
    return InAnotherProcess([&] {
      const rlimit few{1000, 4096};
      if (::setrlimit(RLIMIT_NOFILE, &few) != 0) return std::string("no limit");
      constexpr unsigned kSysResource = 24;
      if (auto kept = os::KeepCapabilities(~(std::uint64_t{1} << kSysResource)); !kept.ok())
        return kept.error().Message();
      oci::RuntimeSpec spec = DockerSpec({"sh", "-c", "ulimit -Sn; ulimit -Hn; cat /proc/self/oom_score_adj"});
      change(spec);
      const auto ran = box_.Run(box_.Input(std::move(spec)));
      return ran.ok() ? ran->output : ran.error().Message();
    });
  };
  EXPECT_EQ(run([](oci::RuntimeSpec&) {}), "1024\n4096\n0\n");
  EXPECT_THAT(run([](oci::RuntimeSpec& spec) { spec.process->rlimits = {{"RLIMIT_NOFILE", 4097, 4097}}; }),
              HasSubstr("set 'RLIMIT_NOFILE' to 4097:4097 (process.rlimits[0]): Operation not permitted"));
  EXPECT_THAT(run([](oci::RuntimeSpec& spec) { spec.process->oom_score_adj = -500; }),
              HasSubstr("process.oomScoreAdj: set oom_score_adj to '-500'"));
}

// Before 6.3 memfd_create(2) does not know the flag.
TEST_F(Refusing, WithoutSealsAgainstExecutionMemfdsAreSealedAgainstWriting) {
  const std::string out = InAnotherProcess([] {
    constexpr std::uint32_t kNoExecSeal = 8;
    Refuse({SYS_memfd_create, 1, MFD_CLOEXEC | MFD_ALLOW_SEALING | kNoExecSeal}, EINVAL);
    auto made = os::MakeSealedMemfd("data", "x");
    if (!made.ok()) return made.error().Message();
    return std::string(::write(made->get(), "y", 1) < 0 && errno == EPERM ? "sealed" : "open");
  });
  EXPECT_EQ(out, "sealed");
}

// A container's root could read its runtime's memory out of a process that enters its user namespace.
TEST_F(Refusing, AnExecIsHiddenBeforeItEntersAUserNamespace) {
  plan::ExecInput input;
  input.id = box_.id();
  input.name = "web";
  input.spec = DockerSpec({"true"});
  input.spec.linux_config.namespaces.push_back({oci::NamespaceType::kUser, ""});
  input.process = *input.spec.process;
  const auto plan = plan::BuildExec(input, Facts());
  ASSERT_OK(plan);
  const std::string said = InAnotherProcess([&] {
    Refuse({SYS_prctl, 0, PR_SET_DUMPABLE}, EPERM);
    auto self = os::OpenPidfd(::getpid());  // any process: its namespaces are not reached
    auto result = Exec(*plan, ::getpid(), self->get(), LaunchOptions());
    return result.ok() ? "it ran" : result.error().Message();
  });
  EXPECT_THAT(said, HasSubstr("enter namespaces: user, mount, network, uts, ipc, cgroup"));
  EXPECT_THAT(said, HasSubstr("Operation not permitted"));
}

}  // namespace
}  // namespace estiba::runtime
