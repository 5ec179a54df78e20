#include "spec/mount_point.h"

#include "spec/validate.h"
#include "spec/volume_device.h"
#include "tests/support.h"

namespace estiba::engine {
namespace {

TEST(Binds, APathIsABindAndAWordIsAVolume) {
  ASSERT_OK_AND_ASSIGN(MountPoint bind, ParseBind("/src//x/:/dst/../d:ro,rslave"));
  EXPECT_EQ(bind.kind, MountPoint::Kind::kBind);
  EXPECT_EQ(bind.source, "/src/x");
  EXPECT_EQ(bind.target, "/d");
  EXPECT_TRUE(bind.read_only);
  EXPECT_EQ(bind.propagation, "rslave");
  ASSERT_OK_AND_ASSIGN(MountPoint volume, ParseBind("data:/d:nocopy"));
  EXPECT_EQ(volume.kind, MountPoint::Kind::kVolume);
  EXPECT_TRUE(volume.no_copy);
}

TEST(Binds, NonsenseIsRefused) {
  for (const char* bad : {"", ":/d", "/s", "/s:d", "/s:/", "/s:/d:rw,ro", "/s:/d:nocopy", "v:/d:rshared", "a:/b:ro:x",
                          "../v:/d", "/s:/d:wat"}) {
    EXPECT_FALSE(ParseBind(bad).ok()) << bad;
  }
}

TEST(Tmpfs, OptionsTheKernelWouldNotTakeAreRefused) {
  EXPECT_TRUE(ParseTmpfs("/t", "size=64m,mode=1777,ro").ok());
  EXPECT_FALSE(ParseTmpfs("/t", "sise=64m").ok());
  EXPECT_FALSE(ParseTmpfs("t", "").ok());
}

TEST(Mounts, ParentsComeFirstAndTargetsAreUnique) {
  apitypes::ContainerCreate create;
  create.host_config.binds = {"/x:/a/b/c", "v:/a"};
  create.config.volumes = {"/a", "/z"};
  ASSERT_OK_AND_ASSIGN(std::vector<MountPoint> mounts, CollectMounts(create));
  ASSERT_EQ(mounts.size(), 3U);  // the bind on /a stands for the image's volume there
  EXPECT_EQ(mounts[0].target, "/a");
  EXPECT_FALSE(mounts[0].anonymous);
  EXPECT_EQ(mounts[1].target, "/z");
  EXPECT_EQ(mounts[2].target, "/a/b/c");
  create.host_config.binds.push_back("/y:/a");
  const auto twice = CollectMounts(create);
  ASSERT_FALSE(twice.ok());
  EXPECT_EQ(twice.error().Message(), "Duplicate mount point: /a");
}

apitypes::Mount MakeMount(const std::string& type, const std::string& source) {
  apitypes::Mount mount;
  mount.type = type;
  mount.source = source;
  return mount;
}

Result<std::vector<MountPoint>> Collect(apitypes::Mount mount) {
  apitypes::ContainerCreate create;
  mount.target = mount.target.empty() ? "/d" : mount.target;
  create.host_config.mounts.push_back(std::move(mount));
  return CollectMounts(create);
}

TEST(Mounts, SubpathsStayInsideByTheirLetters) {
  for (const char* good : {"a", "a/b/../c", "./a", "a/..", "..a"}) {
    apitypes::Mount mount = MakeMount("volume", "v");
    mount.volume_options.emplace().subpath = good;
    EXPECT_TRUE(Collect(mount).ok()) << good;
  }
  for (const char* bad : {"..", "/a", "a/../..", "../a"}) {
    for (const char* type : {"volume", "image"}) {
      apitypes::Mount mount = MakeMount(type, "v");
      if (mount.type == "volume") mount.volume_options.emplace().subpath = bad;
      if (mount.type == "image") mount.image_options.emplace().subpath = bad;
      EXPECT_FALSE(Collect(mount).ok()) << bad;
    }
  }
}

TEST(Mounts, AnImageIsReadOnly) {
  ASSERT_OK_AND_ASSIGN(const std::vector<MountPoint> mounts, Collect(MakeMount("image", "debian")));
  EXPECT_EQ(mounts[0].kind, MountPoint::Kind::kImage);
  EXPECT_TRUE(mounts[0].read_only);
}

TEST(Mounts, OptionsOfAnotherTypeAreRefused) {
  apitypes::Mount mount = MakeMount("bind", "/x");
  mount.tmpfs_options.emplace();
  const auto mixed = Collect(mount);
  ASSERT_FALSE(mixed.ok());
  EXPECT_EQ(mixed.error().Message(),
            "HostConfig.Mounts[0]: invalid mount config for type \"bind\": field TmpfsOptions must not be specified");
}

TEST(Devices, TypeDeviceAndOptionsGoTogether) {
  EXPECT_TRUE(CheckDriverOptions({}).ok());
  EXPECT_TRUE(CheckDriverOptions({{"type", "nfs"}, {"device", ":/x"}, {"o", "addr=10.0.0.1,rw"}}).ok());
  EXPECT_TRUE(CheckDriverOptions({{"size", "10g"}}).ok());
  for (const DriverOptions& bad : std::vector<DriverOptions>{{{"type", "nfs"}},
                                                             {{"device", "/x"}},
                                                             {{"o", "ro"}},
                                                             {{"speed", "1"}},
                                                             {{"size", "many"}},
                                                             {{"type", "none"}, {"device", "x"}, {"o", "bind"}}}) {
    EXPECT_FALSE(CheckDriverOptions(bad).ok());
  }
  const auto bind = DeviceOf({{"type", "none"}, {"device", "/x"}, {"o", "ro,rbind"}});
  ASSERT_TRUE(bind.has_value());
  EXPECT_TRUE(bind->bind && bind->recursive);
  EXPECT_EQ(bind->options, std::vector<std::string>{"ro"});
  EXPECT_FALSE(DeviceOf({{"size", "1g"}}).has_value());
}

}  // namespace
}  // namespace estiba::engine
