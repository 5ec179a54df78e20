// Where mounts and the root come from, on this kernel.

#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>

#include "attached.h"
#include "fixture.h"
#include "os/mount.h"

namespace estiba::runtime {
namespace {

using ::testing::HasSubstr;

class Sources : public ::testing::Test {
 protected:
  void SetUp() override {
    REQUIRE(Capable(), "root and busybox");
    for (const char* path : {"volume", "volume/sub", "outside"}) ::mkdir((box_.dir() / path).c_str(), 0755);
    box_.Write("volume/sub/file", "beneath\n", 0644);
    box_.Write("outside/file", "secret\n", 0644);
  }
  plan::ContainerInput Binding(const std::string& script, plan::MountSource source) {
    plan::ContainerInput input = box_.Input(DockerSpec({"sh", "-c", script}));
    input.spec.mounts.push_back(MakeMount("/data", "bind", box_.dir() / "volume", {"rbind", "rprivate"}));
    source.destination = "/data";
    input.sources.push_back(std::move(source));
    return input;
  }
  std::string Output(const plan::ContainerInput& input) {
    auto ran = box_.Run(input);
    return ran.ok() ? ran->output : ran.error().ToString();
  }
  Box box_;
};

TEST_F(Sources, ASubpathIsAllThatIsSeen) {
  EXPECT_EQ(Output(Binding("ls /data; cat /data/file", {.subpath = "sub"})), "file\nbeneath\n");
}

TEST_F(Sources, LinksInsideAreFollowedAndLinksOutAreRefusedAtEveryStart) {
  ASSERT_EQ(::symlink("sub", (box_.dir() / "volume/inside").c_str()), 0);
  EXPECT_EQ(Output(Binding("cat /data/file", {.subpath = "inside"})), "beneath\n");
  for (const char* target : {"../outside", "/etc", "sub/../../outside"}) {
    ::unlink((box_.dir() / "volume/inside").c_str());
    ASSERT_EQ(::symlink(target, (box_.dir() / "volume/inside").c_str()), 0);
    EXPECT_THAT(Output(Binding("cat /data/file", {.subpath = "inside"})),
                HasSubstr("path concatenation escapes the base directory"))
        << target;
  }
}

TEST_F(Sources, AMissingSubpathIsAnErrorInDockersWords) {
  EXPECT_THAT(Output(Binding("true", {.subpath = "none"})),
              HasSubstr("cannot access path " + (box_.dir() / "volume") + "/none: No such file or directory"));
}

TEST_F(Sources, AFileSystemIsMountedForTheContainer) {
  const plan::MountSource source{.type = "tmpfs", .device = "tmpfs", .options = {"size=64k", "mode=0711", "nosuid"}};
  const std::string script = "grep /data /proc/mounts; stat -c %a /data; touch /data/x && echo made";
  const std::string out = Output(Binding(script, source));
  EXPECT_THAT(out, HasSubstr("tmpfs /data tmpfs rw,nosuid"));
  EXPECT_THAT(out, HasSubstr("size=64k"));
  EXPECT_THAT(out, HasSubstr("711\nmade\n"));
}

TEST_F(Sources, AFileSystemThatCannotBeMountedIsNamed) {
  EXPECT_THAT(Output(Binding("true", {.type = "nosuchfs", .device = "dev"})),
              HasSubstr("failed to mount local volume: mount dev of type 'nosuchfs'"));
  const std::string out = Output(Binding("true", {.type = "tmpfs", .device = "x", .options = {"passwort=geheim"}}));
  EXPECT_THAT(out, HasSubstr("option 'passwort' (not shown)"));
  EXPECT_THAT(out, ::testing::Not(HasSubstr("geheim")));
}

TEST_F(Sources, LayersOfAnImageAreReadOnlyAndHaveSubpaths) {
  for (const char* path : {"one", "two", "two/d"}) ::mkdir((box_.dir() / path).c_str(), 0755);
  box_.Write("one/a", "a\n", 0644);
  box_.Write("two/d/b", "b\n", 0644);
  const std::vector<plan::Layer> both = {box_.dir() / "one", box_.dir() / "two"};
  EXPECT_EQ(Output(Binding("cat /data/a /data/d/b; touch /data/x 2>/dev/null || echo no", {.layers = both})),
            "a\nb\nno\n");
  EXPECT_EQ(Output(Binding("ls /data", {.subpath = "d", .layers = both})), "b\n");
  EXPECT_EQ(Output(Binding("ls /data; touch /data/x 2>/dev/null || echo no",
                           {.subpath = "d", .layers = {box_.dir() / "two"}})),
            "b\nno\n");
}

TEST_F(Sources, CopyUpGoesThroughTheMountTheContainerGets) {
  box_.Write("lower/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n", 0644);
  ::mkdir((box_.dir() / "volume/empty").c_str(), 0755);
  plan::ContainerInput input = Binding("true", {.subpath = "empty"});
  input.spec.mounts.back().destination = input.sources[0].destination = "/etc";
  input.copy_up.push_back({"/etc", box_.dir() / "volume"});
  EXPECT_EQ(Output(input), "");
  EXPECT_EQ(::access((box_.dir() / "volume/empty/passwd").c_str(), F_OK), 0);
}

TEST_F(Sources, DetachedMountsAreAttachedForKernelsThatWantThemSo) {
  auto context = os::FilesystemContext::Open("tmpfs");
  ASSERT_TRUE(context.ok());
  auto made = context->Mount(0);
  ASSERT_TRUE(made.ok());
  ASSERT_EQ(::mkdirat(made->fd(), "below", 0755), 0);
  const std::string before = os::ReadFile("/proc/self/mountinfo").value();
  int times = 0;
  os::DetachedMount clone;
  const Status done = WithAttached({made->fd()}, [&]() -> Status {
    if (++times == 1) return Error::Errno(EINVAL, "as kernel 6.1 says");
    clone = TRY(os::CloneTree({made->fd()}, "below", /*recursive=*/false));
    return Ok();
  });
  EXPECT_TRUE(done.ok());
  EXPECT_EQ(times, 2);
  EXPECT_TRUE(clone.valid());
  EXPECT_EQ(os::ReadFile("/proc/self/mountinfo").value(), before);
}

class MappedRoot : public Sources {
 protected:
  // The layers' common directory and the container's own, as the store has them.
  plan::ContainerInput Mapped(const std::string& script) {
    for (const char* path : {"layers", "own"}) ::mkdir((box_.dir() / path).c_str(), 0755);
    if (::access((box_.dir() / "lower").c_str(), F_OK) == 0) {
      ::rename((box_.dir() / "lower").c_str(), (box_.dir() / "layers/lower").c_str());
      ::mkdir((box_.dir() / "layers/top").c_str(), 0755);
      for (const char* path : {"upper", "work"})
        ::rename((box_.dir() / path).c_str(), ((box_.dir() / "own") + "/" + path).c_str());
      (void)!::chown((box_.dir() / "layers/lower/etc/group").c_str(), 1000, 1001);
    }
    plan::ContainerInput input = box_.Input(DockerSpec({"sh", "-c", script}));
    input.storage.layers_root = box_.dir() / "layers";
    input.storage.upper_root = box_.dir() / "own";
    input.storage.lowers = {box_.dir() / "layers/top", box_.dir() / "layers/lower"};
    input.storage.upper = box_.dir() / "own/upper";
    input.storage.work = box_.dir() / "own/work";
    oci::Linux& config = input.spec.linux_config;
    config.namespaces.push_back({oci::NamespaceType::kUser, ""});
    config.uid_mappings = config.gid_mappings = {{0, 300000, 65536}};
    return input;
  }
};

TEST_F(MappedRoot, FilesBelongToWhomTheyDoInTheImageAndOnDiskToTheSame) {
  const std::string script =
      "cat /proc/self/uid_map; stat -c %u:%g /bin/busybox /etc/group; echo x >> /etc/passwd; touch /new;"
      "chown 1000:1001 /new; mkdir /dir; rm /etc/group; mv /tmp /tmq; stat -c %u:%g /etc/passwd /new /dir";
  const std::string out = Output(Mapped(script));
  EXPECT_THAT(out, HasSubstr("300000"));
  EXPECT_THAT(out, HasSubstr("0:0\n1000:1001\n0:0\n1000:1001\n0:0\n"));
  struct stat st{};
  ASSERT_EQ(::stat((box_.dir() / "own/upper/new").c_str(), &st), 0);
  EXPECT_EQ(st.st_uid, 1000U);
  EXPECT_EQ(st.st_gid, 1001U);
  ASSERT_EQ(::stat((box_.dir() / "own/upper/etc/passwd").c_str(), &st), 0);
  EXPECT_EQ(st.st_uid, 0U);
  ASSERT_EQ(::stat((box_.dir() / "own/upper/etc/group").c_str(), &st), 0);
  EXPECT_TRUE(S_ISCHR(st.st_mode) && st.st_rdev == 0);  // a whiteout
}

TEST_F(MappedRoot, AReadOnlyRootAndASingleLayerWork) {
  plan::ContainerInput input = Mapped("stat -c %u /bin/busybox; touch /x 2>/dev/null || echo no");
  // Nothing can be made in it: what is mounted needs its places.
  for (const char* path : {"dev", "sys"}) ::mkdir(((box_.dir() / "layers/lower/") + path).c_str(), 0755);
  input.storage.upper = input.storage.work = "";
  input.storage.lowers = {box_.dir() / "layers/lower"};
  EXPECT_EQ(Output(input), "0\nno\n");
}

TEST_F(MappedRoot, VolumesAndImagesAreMappedToo) {
  plan::ContainerInput input = Mapped("stat -c %u /data/sub /image/bin; touch /data/mine && echo made");
  input.spec.mounts.push_back(MakeMount("/data", "bind", box_.dir() / "volume", {"rbind", "rprivate", "idmap"}));
  input.spec.mounts.push_back(MakeMount("/image", "bind", "image", {"rbind", "ro", "rprivate"}));
  input.spec.mounts.back().source = "/image";
  input.sources.push_back({.destination = "/image", .layers = input.storage.lowers});
  EXPECT_EQ(Output(input), "0\n0\nmade\n");
  struct stat st{};
  ASSERT_EQ(::stat((box_.dir() / "volume/mine").c_str(), &st), 0);
  EXPECT_EQ(st.st_uid, 0U);
}

TEST_F(MappedRoot, CopyUpIntoAMappedVolumeKeepsTheImagesOwners) {
  plan::ContainerInput input = Mapped("stat -c %u:%g /etc/group /etc/passwd");
  ::mkdir((box_.dir() / "fresh").c_str(), 0755);
  input.spec.mounts.push_back(MakeMount("/etc", "bind", box_.dir() / "fresh", {"rbind", "rprivate", "idmap"}));
  input.copy_up.push_back({"/etc", box_.dir() / "fresh"});
  EXPECT_EQ(Output(input), "1000:1001\n0:0\n");
  struct stat st{};
  ASSERT_EQ(::stat((box_.dir() / "fresh/group").c_str(), &st), 0);
  EXPECT_EQ(st.st_uid, 1000U);
}

TEST_F(MappedRoot, AUserNamespaceCannotMapLayers) {
  plan::HostFacts facts = Facts();
  facts.rootless = true;
  auto plan = plan::BuildContainer(Mapped("true"), facts);
  ASSERT_FALSE(plan.ok());
  EXPECT_THAT(plan.error().ToString(), HasSubstr("id-mapped layers need CAP_SYS_ADMIN"));
}

}  // namespace
}  // namespace estiba::runtime
