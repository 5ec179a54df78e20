// Containers in a user namespace of their own.

#include <grp.h>

#include "fixture.h"

namespace estiba::runtime {
namespace {

using ::testing::HasSubstr;

class UserNamespace : public ::testing::Test {
 protected:
  void SetUp() override {
    REQUIRE(Capable(), "root and busybox");
    REQUIRE(::access("/proc/self/ns/user", F_OK) == 0, "user namespaces");
    // The bundle's files belong to the container's root, as an engine with remapped ids unpacks them.
    ::chmod(box_.dir().path(), 0755);
    for (const char* path : {"lower", "lower/bin", "lower/etc", "lower/tmp", "lower/proc"}) {
      (void)!::chown((box_.dir() / path).c_str(), 100000, 100000);
    }
  }
  plan::ContainerInput Input(std::vector<std::string> args) {
    plan::ContainerInput input = box_.Input(DockerSpec(std::move(args)));
    input.storage = plan::Storage();
    input.storage.rootfs = box_.dir() / "lower";
    input.spec.linux_config.namespaces.push_back({oci::NamespaceType::kUser, ""});
    input.spec.linux_config.uid_mappings = {{0, 100000, 65536}};
    input.spec.linux_config.gid_mappings = {{0, 100000, 65536}};
    return input;
  }
  std::string Run(const plan::ContainerInput& input) {
    auto ran = box_.Run(input);
    return ran.ok() ? ran->output : "error: " + ran.error().ToString();
  }
  Box box_;
};

TEST_F(UserNamespace, RootInsideIsNobodyOutside) {
  const std::string out =
      Run(Input({"sh", "-c",
                 "id -u; cat /proc/self/uid_map; touch /made && stat -c %u /made; echo x > /dev/null;"
                 "stat -c '%t:%T' /dev/null; grep CapEff /proc/self/status; ls /sys/fs/cgroup"}));
  EXPECT_THAT(out, ::testing::StartsWith("0\n         0     100000      65536\n0\n1:3\nCapEff:\t00000000a80425fb\n"));
  struct stat st {};
  ASSERT_EQ(::stat((box_.dir() / "lower/made").c_str(), &st), 0);
  EXPECT_EQ(st.st_uid, 100000U);
}

TEST_F(UserNamespace, TerminalAndReadOnlyRootWork) {
  plan::ContainerInput input = Input({"sh", "-c", "touch /x"});
  input.spec.root.readonly = true;
  EXPECT_THAT(Run(input), HasSubstr("Read-only file system"));
}

TEST_F(UserNamespace, WithTheHostsNetworkSysIsTheHostsReadOnly) {
  plan::ContainerInput input =
      Input({"sh", "-c", "ls /sys/class/net >/dev/null && echo sys; grep ' /sys ' /proc/mounts"});
  std::erase_if(input.spec.linux_config.namespaces,
                [](const oci::Namespace& ns) { return ns.type == oci::NamespaceType::kNetwork; });
  EXPECT_THAT(Run(input), HasSubstr("sys\nsysfs /sys sysfs ro"));
}

// As a rootless engine's monitor: root of a user namespace only, no right on the host, no cgroup.
class Rootless : public UserNamespace {
 protected:
  // Runs `body` in a user and mount namespace of its own; true when it answers true. `setgroups`: "deny" as an
  // unprivileged maker must write it before the group map.
  template <typename Body>
  bool InUserNamespace(Body body, const char* setgroups = "allow") {
    int ready[2];
    int mapped[2];
    if (::pipe(ready) != 0 || ::pipe(mapped) != 0) return false;
    const pid_t child = ::fork();
    if (child == 0) {
      char byte = 0;
      if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) ::_exit(2);
      (void)!::write(ready[1], &byte, 1);
      (void)!::read(mapped[0], &byte, 1);
      if (::setresgid(0, 0, 0) != 0 || ::setresuid(0, 0, 0) != 0) ::_exit(3);
      (void)!::setgroups(0, nullptr);
      ::_exit(body() ? 0 : 1);
    }
    char byte = 0;
    (void)!::read(ready[0], &byte, 1);
    const std::string proc = "/proc/" + std::to_string(child);
    (void)!os::WriteExisting({AT_FDCWD}, proc + "/uid_map", "0 100000 65536").ok();
    (void)!os::WriteExisting({AT_FDCWD}, proc + "/setgroups", setgroups).ok();
    (void)!os::WriteExisting({AT_FDCWD}, proc + "/gid_map", "0 100000 65536").ok();
    (void)!::write(mapped[1], &byte, 1);
    int status = 0;
    ::waitpid(child, &status, 0);
    for (const int fd : {ready[0], ready[1], mapped[0], mapped[1]}) ::close(fd);
    return status == 0;
  }
};

TEST_F(Rootless, AnOverlayContainerRunsWithoutAnyRightOnTheHost) {
  for (const char* path : {"upper", "work"}) (void)!::chown((box_.dir() / path).c_str(), 100000, 100000);
  EXPECT_TRUE(InUserNamespace([&] {
    plan::ContainerInput input = box_.Input(
        DockerSpec({"sh", "-c",
                    "id -u; touch /made && echo x > /dev/null && ls /dev/null /sys/class/net && ulimit -n"}));
    plan::HostFacts facts = Facts();
    facts.rootless = true;
    facts.cgroups_writable = false;
    auto plan = plan::BuildContainer(input, facts);
    if (!plan.ok()) return std::fputs((plan.error().ToString() + "\n").c_str(), stderr) < 0;
    auto pipe = os::MakePipe().value();
    LaunchOptions options;
    options.stdio.out = options.stdio.err = pipe.write.get();
    auto container = Container::Create(*plan, options);
    if (!container.ok()) return std::fputs((container.error().ToString() + "\n").c_str(), stderr) < 0;
    const auto started = container->Start();
    pipe.write.Reset();
    const std::string out = os::ReadAll(pipe.read.get()).value();
    return started.ok() && out == "0\n/dev/null\n\n/sys/class/net:\nlo\n1024\n";
  }));
}

// What the container says, or why it does not start.
std::string SayIn(Box& box, plan::HostFacts facts, const std::string& user) {
  facts.rootless = true;
  facts.cgroups_writable = false;
  plan::ContainerInput input = box.Input(DockerSpec({"id", "-u"}));
  input.spec.process->user.username = user;
  const auto ran = box.Run(input, facts);
  return ran.ok() ? ran->output : ran.error().Message();
}

TEST_F(Rootless, GroupsThatNobodyCanChangeStay) {
  for (const char* path : {"upper", "work"}) (void)!::chown((box_.dir() / path).c_str(), 100000, 100000);
  EXPECT_TRUE(InUserNamespace(
      [&] {
        const plan::HostFacts facts = Facts();
        if (!facts.kernel.setgroups_denied) return false;
        return SayIn(box_, facts, "") == "0\n" && SayIn(box_, facts, "ada") == "1000\n";
      },
      "deny"));
}

TEST_F(Rootless, GroupsThatCannotBeDroppedEndTheStartUnlessThePlanKnows) {
  for (const char* path : {"upper", "work"}) (void)!::chown((box_.dir() / path).c_str(), 100000, 100000);
  EXPECT_TRUE(InUserNamespace(
      [&] {
        plan::HostFacts facts = Facts();
        facts.kernel.setgroups_denied = false;
        return SayIn(box_, facts, "").find("set 0 supplementary groups") != std::string::npos;
      },
      "deny"));
}

}  // namespace
}  // namespace estiba::runtime
