#include <signal.h>
#include <sys/mount.h>

#include "erofs/writer.h"
#include "fixture.h"
#include "store/image_probe.h"

#include <gmock/gmock.h>

namespace estiba::runtime {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ContainerTest : public ::testing::Test {
 protected:
  void SetUp() override { REQUIRE(Capable(), "root and busybox"); }
  std::string Shell(const std::string& script) { return Output(box_.Shell(script)); }
  std::string Output(Result<Box::Ran> ran) { return ran.ok() ? ran->output : "error: " + ran.error().ToString(); }
  std::string Run(oci::RuntimeSpec spec) { return Output(box_.Run(box_.Input(std::move(spec)))); }
  static oci::RuntimeSpec ShellSpec(const std::string& script) { return DockerSpec({"sh", "-c", script}); }
  Box box_;
};

TEST_F(ContainerTest, RunsAProgramAsPidOneInItsOwnRoot) {
  ASSERT_OK_AND_ASSIGN(const Box::Ran ran, box_.Shell("echo $$ $(hostname) $(pwd); exit 7"));
  EXPECT_EQ(ran.status.code, 7);
  EXPECT_EQ(ran.output, "1 box /\n");
}

TEST_F(ContainerTest, SeesNeitherHostProcessesNorHostMounts) {
  const std::string out = Shell("ls -d /proc/[0-9]*; cat /proc/mounts; ls -a /");
  EXPECT_THAT(out, HasSubstr("overlay / overlay"));
  EXPECT_THAT(out, Not(HasSubstr("ext4")));
  EXPECT_THAT(out, Not(HasSubstr("/proc/3\n")));
}

TEST_F(ContainerTest, HasNoDescriptorButStdio) {
  // The fourth is ls reading the directory.
  EXPECT_EQ(Run(DockerSpec({"ls", "/proc/self/fd"})), "0\n1\n2\n3\n");
}

TEST_F(ContainerTest, HasTheCapabilitiesAskedForInAllFiveSetsAndNoOthers) {
  oci::RuntimeSpec spec = DockerSpec({"grep", "Cap", "/proc/self/status"});
  spec.process->capabilities->bounding = {"CAP_CHOWN", "CAP_KILL"};
  spec.process->capabilities->permitted = spec.process->capabilities->bounding;
  spec.process->capabilities->effective = {"CAP_KILL"};
  // Root gains its bounding set by executing a program (capabilities(7)).
  EXPECT_EQ(Run(spec),
            "CapInh:\t0000000000000000\nCapPrm:\t0000000000000021\nCapEff:\t0000000000000021\n"
            "CapBnd:\t0000000000000021\nCapAmb:\t0000000000000000\n");
  spec.process->user.uid = 1000;
  spec.process->capabilities->inheritable = {"CAP_KILL"};
  spec.process->capabilities->ambient = {"CAP_KILL"};
  EXPECT_EQ(Run(spec),
            "CapInh:\t0000000000000020\nCapPrm:\t0000000000000020\nCapEff:\t0000000000000020\n"
            "CapBnd:\t0000000000000021\nCapAmb:\t0000000000000020\n");
}

TEST_F(ContainerTest, ForbidsWhatOnlyTheHostMayDo) {
  const std::string out = Shell(
      "mount -t tmpfs x /tmp; mknod /tmp/sda b 8 0 && head -c1 /tmp/sda; echo 1 > /proc/sys/kernel/panic;"
      "umount /proc; hostname other; cat /proc/keys; echo end");
  EXPECT_THAT(out, HasSubstr("mount: permission denied"));
  EXPECT_THAT(out, HasSubstr("head: /tmp/sda: Operation not permitted"));
  EXPECT_THAT(out, HasSubstr("/proc/sys/kernel/panic: Read-only file system"));
  EXPECT_THAT(out, HasSubstr("can't unmount /proc"));
  EXPECT_THAT(out, HasSubstr("hostname: sethostname: Operation not permitted"));
  EXPECT_THAT(out, HasSubstr("\nend\n"));
}

TEST_F(ContainerTest, HasTheDevicesOfTheSpecificationAndTheyWork) {
  const std::string out = Shell(
      "for d in null zero full random urandom tty; do stat -c '%n %F %t:%T %a' /dev/$d; done;"
      "for l in fd stdin ptmx; do readlink /dev/$l; done; echo x > /dev/null; head -c 2 /dev/zero | wc -c;"
      "echo x > /dev/full; ls /dev");
  EXPECT_THAT(out, HasSubstr("/dev/null character special file 1:3 666\n"));
  EXPECT_THAT(out, HasSubstr("/dev/tty character special file 5:0 666\n"));
  EXPECT_THAT(out, HasSubstr("/proc/self/fd\n/proc/self/fd/0\npts/ptmx\n2\n"));
  EXPECT_THAT(out, HasSubstr("No space left on device"));
  EXPECT_THAT(out, Not(HasSubstr("console")));
  EXPECT_THAT(out, Not(HasSubstr("vda")));
}

TEST_F(ContainerTest, NothingOfItsStartersSettingsReachesIt) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGHUP, SIG_IGN);
    ::signal(SIGPIPE, SIG_IGN);
    sigset_t set;
    ::sigfillset(&set);
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    ::umask(077);
    rlimit limit{300, 300};
    limit.rlim_max = 2048;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    ::setrlimit(RLIMIT_CORE, &limit);
    (void)!::nice(5);
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(0, &cpus);
    ::sched_setaffinity(0, sizeof cpus, &cpus);
    (void)!os::WriteExisting({AT_FDCWD}, "/proc/self/oom_score_adj", "500").ok();
    const std::string out = Shell(
        "umask; ulimit -Sn; ulimit -Sc; cat /proc/self/oom_score_adj; exec cat /proc/self/status /proc/self/stat");
    const std::string cpus_text = ::sysconf(_SC_NPROCESSORS_ONLN) == 2 ? "0-1" : "";
    const bool good = out.find("SigBlk:\t0000000000000000") != std::string::npos &&
                      out.find("SigIgn:\t0000000000000000") != std::string::npos &&
                      out.find("Cpus_allowed_list:\t" + cpus_text) != std::string::npos &&
                      out.starts_with("0022\n1024\n0\n0\n") && out.find(" 20 0 1 0 ") != std::string::npos;
    if (!good) std::fputs(out.c_str(), stderr);
    ::_exit(good ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST_F(ContainerTest, AUserIsFoundInTheImagesOwnFiles) {
  oci::RuntimeSpec spec = ShellSpec("id; echo $HOME; grep CapEff /proc/self/status");
  spec.process->user.username = "ada";
  EXPECT_EQ(Run(spec),
            "uid=1000(ada) gid=1001(ada) groups=10(wheel),29(audio),1001(ada)\n/home/ada\nCapEff:\t0000000000000000\n");
  spec.process->user.username = "ada:wheel";
  EXPECT_THAT(Run(spec), HasSubstr("uid=1000(ada) gid=10(wheel) groups=10(wheel)\n"));
  spec.process->user.username = "4242";
  EXPECT_THAT(Run(spec), HasSubstr("uid=4242 gid=0(root) groups=0(root)\n/\n"));
  spec.process->user.username = "nobody-here";
  EXPECT_THAT(Run(spec), HasSubstr("unable to find user nobody-here: no matching entries in passwd file"));
  spec.process->user.username = "99999999999";
  EXPECT_THAT(Run(spec), HasSubstr("uids and gids must be in range 0-2147483647"));
}

TEST_F(ContainerTest, WordsOfAProgramThatCannotBeExecutedAreThoseClientsMatch) {
  EXPECT_THAT(Run(DockerSpec({"no-such"})),
              HasSubstr("start container 'web': exec: \"no-such\": executable file not found in $PATH"));
  EXPECT_THAT(Run(DockerSpec({"/no/such"})), HasSubstr("exec: \"/no/such\": stat /no/such: no such file or directory"));
  EXPECT_THAT(Run(DockerSpec({"/etc/passwd"})), HasSubstr("exec: \"/etc/passwd\": permission denied"));
  EXPECT_THAT(Run(DockerSpec({"/etc"})), HasSubstr("exec: \"/etc\": is a directory"));
  box_.Write("lower/bin/garbage", "not a program", 0755);
  EXPECT_THAT(Run(DockerSpec({"garbage"})), HasSubstr("exec garbage: exec format error"));
}

TEST_F(ContainerTest, EveryStepUpToTheProgramIsMeasured) {
  ASSERT_OK_AND_ASSIGN(const plan::Plan plan, plan::BuildContainer(box_.Input(DockerSpec({"true"})), Facts()));
  LaunchOptions options;
  options.measure = true;
  ASSERT_OK_AND_ASSIGN(Container container, Container::Create(plan, options));
  const auto trace = container.trace();
  const std::size_t created = trace->Timings().size();
  ASSERT_OK(container.Start());
  const auto timings = trace->Timings();
  EXPECT_GT(timings.size(), created);  // the wait for the start is over
  // The clone and every step but the execve, which does not come back.
  EXPECT_EQ(timings.size(), plan.steps.size());
  EXPECT_EQ(timings.back().step, plan::kCloneStep);
  for (const plan::Timing& timing : timings) EXPECT_GE(timing.duration.count(), 0);
}

TEST_F(ContainerTest, NothingIsMeasuredUnasked) {
  ASSERT_OK_AND_ASSIGN(const plan::Plan plan, plan::BuildContainer(box_.Input(DockerSpec({"true"})), Facts()));
  ASSERT_OK_AND_ASSIGN(const Container container, Container::Create(plan, {}));
  EXPECT_EQ(container.trace(), nullptr);
}

TEST_F(ContainerTest, AFailureNamesTheStepItsOperandsAndTheSetting) {
  oci::RuntimeSpec spec = DockerSpec({"true"});
  spec.mounts.push_back(MakeMount("/x", "no-such-fs", "none", {}));
  EXPECT_THAT(Run(spec), HasSubstr("start container 'web': mount 'no-such-fs' on '/x' (mounts[7]): No such device"));
  spec.mounts.back() = MakeMount("/x", "bind", "/no/such/source", {"bind"});
  EXPECT_THAT(Run(spec), HasSubstr("mounts[7]: bind source path does not exist: /no/such/source"));
  spec.mounts.pop_back();
  spec.process->cwd = "/etc/passwd";
  EXPECT_THAT(Run(spec), HasSubstr("chdir to cwd (\"/etc/passwd\") set in config.json failed: not a directory"));
}

TEST_F(ContainerTest, AMissingWorkingDirectoryIsMade) {
  oci::RuntimeSpec spec = DockerSpec({"pwd"});
  spec.process->cwd = "/a/b/c";
  EXPECT_EQ(Run(spec), "/a/b/c\n");
}

TEST_F(ContainerTest, BindMountsReachTheHostAsTheirOptionsSay) {
  const testing::TempDir host;
  ::mkdir((host / "d").c_str(), 0755);
  box_.Write("outside", "from the host\n", 0644);
  oci::RuntimeSpec spec =
      ShellSpec("cat /mnt/f; echo hi > /mnt/f; touch /data/new; touch /ro/new; grep ' /ro ' /proc/mounts");
  spec.mounts.push_back(MakeMount("/mnt/f", "bind", box_.dir() / "outside", {"bind"}));
  spec.mounts.push_back(MakeMount("/data", "bind", host.path(), {"rbind", "rprivate"}));
  spec.mounts.push_back(MakeMount("/ro", "bind", host / "d", {"rbind", "ro", "nosuid"}));
  const std::string out = Run(spec);
  EXPECT_THAT(out, HasSubstr("from the host\n"));
  EXPECT_THAT(out, HasSubstr("touch: /ro/new: Read-only file system"));
  EXPECT_THAT(out, HasSubstr("ro,nosuid"));
  EXPECT_EQ(::access((host / "new").c_str(), F_OK), 0);
  EXPECT_EQ(*os::ReadFile(box_.dir() / "outside"), "hi\n");
}

TEST_F(ContainerTest, BindsAreReadOnlyWhereDetachedMountsHaveNoAttributesYet) {
  plan::HostFacts old = Facts();
  old.kernel.mount_setattr = false;
  oci::RuntimeSpec spec = ShellSpec("touch /ro/new; touch /sys/fs/cgroup/new /sys/fs/cgroup/pids/new");
  spec.mounts.push_back(MakeMount("/ro", "bind", box_.dir().path(), {"rbind", "ro"}));
  const std::string out = Output(box_.Run(box_.Input(spec), old));
  EXPECT_THAT(out, HasSubstr("touch: /ro/new: Read-only file system"));
  EXPECT_THAT(out, HasSubstr("touch: /sys/fs/cgroup/new: Read-only file system"));
  EXPECT_THAT(out, HasSubstr("touch: /sys/fs/cgroup/pids/new: Read-only file system"));
  spec.mounts.back().options = {"rbind", "rro"};
  EXPECT_THAT(Output(box_.Run(box_.Input(spec), old)),
              HasSubstr("mounts[7]: recursive mount options need kernel 5.12"));
}

TEST_F(ContainerTest, AReadOnlyRootIsReadOnlyAndItsMountsAreNot) {
  oci::RuntimeSpec spec = ShellSpec("touch /x; touch /dev/shm/y && echo shm");
  spec.root.readonly = true;
  const std::string out = Run(spec);
  EXPECT_THAT(out, HasSubstr("touch: /x: Read-only file system"));
  EXPECT_THAT(out, HasSubstr("shm"));
}

TEST_F(ContainerTest, SysctlsAndLimitsAreSet) {
  oci::RuntimeSpec spec = ShellSpec(
      "cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/shmmni; ulimit -n;"
      "cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/memory/memory.limit_in_bytes; cat /proc/self/cgroup");
  spec.linux_config.sysctl = {{"net.ipv4.ip_unprivileged_port_start", "77"}, {"kernel.shmmni", "123"}};
  spec.process->rlimits = {{"RLIMIT_NOFILE", 99, 100}};
  spec.linux_config.resources.pids_limit = 33;
  spec.linux_config.resources.memory.limit = 64 << 20;
  REQUIRE(Facts().cgroups.mode == cgroup::Mode::kHybrid, "a hybrid host");
  const std::string out = Run(spec);
  EXPECT_THAT(out, HasSubstr("77\n123\n99\n33\n67108864\n"));
  EXPECT_THAT(out, Not(HasSubstr("estiba")));  // the cgroup namespace's root is the container's own cgroup
}

TEST_F(ContainerTest, AForkBombStopsAtThePidsLimit) {
  oci::RuntimeSpec spec = ShellSpec("i=0; while [ $i -lt 40 ]; do sleep 100 & i=$((i+1)); done; echo survived");
  spec.linux_config.resources.pids_limit = 10;
  EXPECT_THAT(Run(spec), HasSubstr("can't fork"));
}

TEST_F(ContainerTest, ItsCgroupsAndProcessesAreGoneAfterwards) {
  ASSERT_OK_AND_ASSIGN(const Box::Ran ran, box_.Shell("sleep 1000 & echo started"));
  const auto left = cgroup::Cgroup::Open(Facts().cgroups, box_.CgroupPath());
  ASSERT_FALSE(left.ok());
  EXPECT_EQ(left.error().code(), Code::kNotFound);
}

TEST_F(ContainerTest, AFailedStartLeavesNothing) {
  EXPECT_THAT(Run(DockerSpec({"no-such"})), HasSubstr("not found"));
  EXPECT_FALSE(cgroup::Cgroup::Open(Facts().cgroups, box_.CgroupPath()).ok());
}

TEST_F(ContainerTest, LoopbackIsUpWithoutANetwork) {
  EXPECT_THAT(Shell("cat /sys/class/net/lo/flags; ls /sys/class/net"), HasSubstr("0x9\nlo\n"));
}

TEST_F(ContainerTest, ANamespaceThatIsNotTheKnownOneIsNotJoined) {
  plan::ContainerInput input = box_.Input(DockerSpec({"true"}));
  input.network.mode = plan::Network::Mode::kAsSpec;
  for (oci::Namespace& ns : input.spec.linux_config.namespaces) {
    if (ns.type == oci::NamespaceType::kNetwork) ns.path = "/proc/self/ns/net";
  }
  struct stat own{};
  ASSERT_EQ(::stat("/proc/self/ns/net", &own), 0);
  input.known_namespaces = {{oci::NamespaceType::kNetwork, own.st_ino}};
  ASSERT_OK(box_.Run(input));
  input.known_namespaces[0].inode = own.st_ino + 1;
  EXPECT_THAT(box_.Run(input).error().ToString(), HasSubstr("is not the one that was to be joined"));
}

TEST_F(ContainerTest, WhatIsNoNamespaceIsNotOpened) {
  const std::string pipe = box_.dir() / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  for (const auto& [path, text] : {std::pair(pipe, "is no namespace"), {"/proc/self/ns/uts", "is of another type"}}) {
    plan::ContainerInput input = box_.Input(DockerSpec({"true"}));
    input.network.mode = plan::Network::Mode::kAsSpec;
    for (oci::Namespace& ns : input.spec.linux_config.namespaces) {
      if (ns.type == oci::NamespaceType::kNetwork) ns.path = path;
    }
    EXPECT_THAT(box_.Run(input).error().ToString(), HasSubstr(text));
  }
}

TEST_F(ContainerTest, TheTimeNamespaceHasItsOffsets) {
  REQUIRE(Facts().kernel.time_namespace, "time namespaces");
  oci::RuntimeSpec spec = ShellSpec("cat /proc/uptime");
  spec.linux_config.namespaces.push_back({oci::NamespaceType::kTime, ""});
  spec.linux_config.boottime_offset = oci::TimeOffset{1000000000, 0};
  EXPECT_THAT(Run(spec), ::testing::StartsWith("1000"));
}

TEST_F(ContainerTest, ATransientRootIsMountedAgainAfterItsEnd) {
  const std::string script = "grep -c '^overlay / .*volatile' /proc/mounts; cat /kept; echo again > /kept";
  plan::ContainerInput input = box_.Input(ShellSpec(script + " 2>/dev/null"));
  input.storage.transient = true;
  EXPECT_THAT(Output(box_.Run(input)), ::testing::StartsWith("1\n"));
  EXPECT_EQ(Output(box_.Run(input)), "1\nagain\n");
  EXPECT_EQ(Output(box_.Run(input)), "1\nagain\n");
  input.storage.transient = false;
  EXPECT_THAT(Output(box_.Run(input)), ::testing::StartsWith("error: "));  // the kernel's own refusal
}

TEST_F(ContainerTest, ManyLayersWorkOnKernelsThatWantThemInOneString) {
  plan::ContainerInput input = box_.Input(DockerSpec({"sh", "-c", "ls / | grep -c layer"}));
  for (int i = 0; i < 40; ++i) {
    const std::string name = "l" + std::to_string(i);
    ::mkdir((box_.dir() / name.c_str()).c_str(), 0755);
    box_.Write(name + "/layer" + std::to_string(i), "", 0644);
    input.storage.lowers.push_back({box_.dir() / name.c_str()});
  }
  EXPECT_EQ(Output(box_.Run(input)), "40\n");
  plan::HostFacts old = Facts();
  old.kernel.overlay_lower_append = false;
  EXPECT_EQ(Output(box_.Run(input, old)), "40\n");
}

// More than one mount option of a page's size could name.
TEST_F(ContainerTest, TwoHundredLayersOneByOne) {
  plan::HostFacts facts = Facts();
  facts.kernel = os::ProbeFeatures(/*overlays=*/true);
  REQUIRE(facts.kernel.overlay_lower_append, "lowerdir+");
  plan::ContainerInput input = box_.Input(DockerSpec({"sh", "-c", "ls / | grep -c layer"}));
  for (int i = 0; i < 200; ++i) {
    const std::string name = "l" + std::to_string(i) + std::string(60, 'n');
    ::mkdir((box_.dir() / name.c_str()).c_str(), 0755);
    box_.Write(name + "/layer" + std::to_string(i), "", 0644);
    input.storage.lowers.push_back({box_.dir() / name.c_str()});
  }
  EXPECT_EQ(Output(box_.Run(input, facts)), "200\n");
}

// An image whose root holds the file `name`.
void WriteImage(const std::string& path, const std::string& name) {
  ASSERT_OK_AND_ASSIGN(const os::UniqueFd file, os::OpenAt({AT_FDCWD}, path, O_RDWR | O_CREAT | O_EXCL, 0600));
  erofs::Writer writer(file.get());
  erofs::Metadata metadata;
  metadata.mode = 0644;
  bool given = false;
  ASSERT_OK(writer.AddFile(erofs::Writer::kRoot, name, metadata, 5, [&]() -> Result<erofs::Piece> {
    return std::exchange(given, true) ? erofs::Piece{} : erofs::Piece{0, "image"};
  }));
  ASSERT_OK(writer.Finish("0123456789abcdef"));
}

TEST_F(ContainerTest, ImagesAreLayersAmongDirectories) {
  plan::HostFacts facts = Facts();
  facts.kernel = os::ProbeFeatures(/*overlays=*/true);
  facts.erofs_layers = true;
  ASSERT_OK_AND_ASSIGN(const os::UniqueFd folder, os::OpenAt({AT_FDCWD}, box_.dir().path(), O_RDONLY | O_DIRECTORY));
  const Status usable = store::ProbeImages({folder.get()});
  REQUIRE(usable.ok(), "EROFS images mounted from files: " + usable.error().Message());
  plan::ContainerInput input = box_.Input(DockerSpec({"sh", "-c", "cat /one /two; echo changed > /one; cat /one"}));
  WriteImage(box_.dir() / "one.erofs", "one");
  WriteImage(box_.dir() / "two.erofs", "two");
  input.storage.lowers.insert(input.storage.lowers.begin(), plan::Layer(box_.dir() / "one.erofs", true));
  input.storage.lowers.emplace_back(box_.dir() / "two.erofs", true);
  const std::string before = os::ReadFile("/proc/self/mountinfo").value();
  EXPECT_EQ(Output(box_.Run(input, facts)), "imageimagechanged\n");
  EXPECT_EQ(os::ReadFile("/proc/self/mountinfo").value(), before);
  // A damaged one is an error that names it.
  ASSERT_OK(os::ReplaceFile({AT_FDCWD}, box_.dir() / "two.erofs", std::string(8192, 'x'), 0600));
  const auto ran = box_.Run(input, facts);
  ASSERT_FALSE(ran.ok());
  EXPECT_THAT(ran.error().Message(), ::testing::HasSubstr("two.erofs"));
}

TEST_F(ContainerTest, AnOverlayOnAnOverlayIsRefusedWithTheWayOut) {
  for (const char* name : {"below", "above", "between", "twice"}) ::mkdir((box_.dir() / name).c_str(), 0755);
  const std::string twice = box_.dir() / "twice";
  const std::string options = "lowerdir=" + (box_.dir() / "below") + ",upperdir=" + (box_.dir() / "above") +
                              ",workdir=" + (box_.dir() / "between");
  ASSERT_EQ(::mount("overlay", twice.c_str(), "overlay", 0, options.c_str()), 0);
  for (const char* name : {"upper", "work"}) ::mkdir((twice + "/" + name).c_str(), 0755);
  plan::ContainerInput input = box_.Input(DockerSpec({"true"}));
  input.storage.upper = twice + "/upper";
  input.storage.work = twice + "/work";
  const std::string out = Output(box_.Run(input));
  EXPECT_EQ(::umount2(twice.c_str(), MNT_DETACH), 0);
  EXPECT_THAT(out, HasSubstr("upperdir"));
  EXPECT_THAT(out, HasSubstr("keep them on a volume or a tmpfs"));
}

TEST_F(ContainerTest, NoNewPrivilegesIsSet) {
  oci::RuntimeSpec spec = DockerSpec({"grep", "NoNewPrivs", "/proc/self/status"});
  spec.process->no_new_privileges = true;
  EXPECT_EQ(Run(spec), "NoNewPrivs:\t1\n");
}

}  // namespace
}  // namespace estiba::runtime
