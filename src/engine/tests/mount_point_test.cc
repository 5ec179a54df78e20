#include "spec/mount_point.h"

#include "spec/validate.h"
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

}  // namespace
}  // namespace estiba::engine
