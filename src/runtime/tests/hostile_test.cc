// Images that lead where they should not: everything below the root is the attacker's.

#include "fixture.h"

#include <gmock/gmock.h>

namespace estiba::runtime {
namespace {

using ::testing::HasSubstr;

class HostileImage : public ::testing::Test {
 protected:
  void SetUp() override { REQUIRE(Capable(), "root and busybox"); }
  std::string Run(oci::RuntimeSpec spec) {
    auto ran = box_.Run(box_.Input(std::move(spec)));
    return ran.ok() ? ran->output : "error: " + ran.error().ToString();
  }
  void Link(const std::string& content, const char* name) {
    const std::string path = box_.dir() / "lower" + "/" + name;
    ::rmdir(path.c_str());
    ::unlink(path.c_str());
    ASSERT_EQ(::symlink(content.c_str(), path.c_str()), 0);
  }
  Box box_;
  testing::TempDir host_;
};

TEST_F(HostileImage, ProcAsASymlinkIsRefused) {
  Link(host_.path(), "proc");
  EXPECT_THAT(Run(DockerSpec({"true"})), HasSubstr("mount 'proc' on '/proc'"));
  EXPECT_THAT(*os::ListDirectory({AT_FDCWD}, host_.path()), ::testing::IsEmpty());
}

TEST_F(HostileImage, DevAsASymlinkToTheHostStaysInTheRoot) {
  Link(host_.path(), "dev");
  EXPECT_THAT(Run(DockerSpec({"sh", "-c", "ls /dev/null && echo works"})), HasSubstr("works"));
  EXPECT_THAT(*os::ListDirectory({AT_FDCWD}, host_.path()), ::testing::IsEmpty());
}

TEST_F(HostileImage, AMountPointThroughASymlinkStaysInTheRoot) {
  Link(host_.path(), "data");
  Link("../../../../../../../.." + std::string(host_.path()), "up");
  oci::RuntimeSpec spec = DockerSpec({"sh", "-c", "ls -d /data/deep /up/deep && echo works"});
  spec.mounts.push_back(MakeMount("/data/deep", "tmpfs", "tmpfs", {}));
  spec.mounts.push_back(MakeMount("/up/deep", "tmpfs", "tmpfs", {}));
  EXPECT_THAT(Run(spec), HasSubstr("works"));
  EXPECT_THAT(*os::ListDirectory({AT_FDCWD}, host_.path()), ::testing::IsEmpty());
}

TEST_F(HostileImage, AFileMountedOverADanglingLinkIsMadeInTheRoot) {
  Link(std::string(host_.path()) + "/made", "etc/resolv.conf");
  box_.Write("resolv", "nameserver 1.2.3.4\n", 0644);
  oci::RuntimeSpec spec = DockerSpec({"cat", "/etc/resolv.conf"});
  spec.mounts.push_back(MakeMount("/etc/resolv.conf", "bind", box_.dir() / "resolv", {"bind"}));
  EXPECT_EQ(Run(spec), "nameserver 1.2.3.4\n");
  EXPECT_THAT(*os::ListDirectory({AT_FDCWD}, host_.path()), ::testing::IsEmpty());
}

TEST_F(HostileImage, PasswdAsALinkToTheHostIsNotRead) {
  Link("/proc/self/root/etc/passwd", "etc/passwd");
  oci::RuntimeSpec spec = DockerSpec({"id"});
  spec.process->user.username = "daemon";
  EXPECT_THAT(Run(spec), HasSubstr("unable to find user daemon"));
}

TEST_F(HostileImage, AFifoAsPasswdDoesNotBlock) {
  ::unlink((box_.dir() / "lower/etc/passwd").c_str());
  ASSERT_EQ(::mkfifo((box_.dir() / "lower/etc/passwd").c_str(), 0666), 0);
  oci::RuntimeSpec spec = DockerSpec({"id"});
  spec.process->user.username = "daemon";
  EXPECT_THAT(Run(spec), HasSubstr("unable to find user daemon"));
}

TEST_F(HostileImage, AWorkingDirectoryOutsideOfTheRootIsNotReached) {
  for (const char* cwd : {"/proc/self/fd/3", "/proc/self/fd/7", "/proc/1/root/../.."}) {
    oci::RuntimeSpec spec = DockerSpec({"pwd"});
    spec.process->cwd = cwd;
    EXPECT_THAT(Run(spec), HasSubstr("chdir to cwd (\"" + std::string(cwd) + "\") set in config.json failed")) << cwd;
  }
}

TEST_F(HostileImage, MaskedPathsAreReallyHidden) {
  EXPECT_EQ(
      Run(DockerSpec(
          {"sh", "-c",
           "exec 2>&1; cat /proc/kcore /proc/keys 2>/dev/null | wc -c; ls /proc/acpi /sys/firmware | wc -w;"
           "touch /proc/acpi/x 2>&1 | grep -c Read-only"})),
      "0\n2\n1\n");
}

}  // namespace
}  // namespace estiba::runtime
