#include "engine/config.h"

#include "tests/support.h"

namespace estiba::engine {
namespace {

Result<Config> Parse(std::string_view text) {
  return ParseConfig(text, "estibad.toml", DefaultConfig(false, 0));
}

std::string ErrorOf(std::string_view text) {
  const auto config = Parse(text);
  return config.ok() ? "" : config.error().Message();
}

TEST(ConfigRegistries, FoldersAreAbsoluteAndTheUsersComesLast) {
  EXPECT_THAT(DefaultConfig(false, 0).registries_folders, ::testing::ElementsAre("/etc/containers"));
  EXPECT_EQ(DefaultConfig(true, 1).registries_folders.size(), 2U);
  const auto set = ParseConfig("[registries]\nfolders = [\"/f\"]\n", "estibad.toml", DefaultConfig(true, 1));
  ASSERT_TRUE(set.ok());
  EXPECT_THAT(set->registries_folders, ::testing::ElementsAre("/f"));
  EXPECT_FALSE(ParseConfig("[registries]\nfolders = [\"f\"]\n", "f", DefaultConfig(false, 0)).ok());
  EXPECT_FALSE(ParseConfig("[registries]\ncerts = [\"c\"]\n", "f", DefaultConfig(false, 0)).ok());
  EXPECT_EQ(DefaultConfig(false, 0).signatures_folder, "/var/lib/containers/sigstore");
  EXPECT_THAT(DefaultConfig(true, 1).signatures_folder, ::testing::EndsWith("/.local/share/containers/sigstore"));
  EXPECT_EQ(ParseConfig("[registries]\nsignatures = \"/s\"\n", "f", DefaultConfig(false, 0))->signatures_folder, "/s");
  EXPECT_FALSE(ParseConfig("[registries]\nsignatures = \"s\"\n", "f", DefaultConfig(false, 0)).ok());
  const auto proxies = ParseConfig("[proxies]\nhttps-proxy = \"http://p:3128\"\nno-proxy = \"a,b\"\n", "f",
                                   DefaultConfig(false, 0));
  ASSERT_OK(proxies);
  EXPECT_EQ(proxies->https_proxy + " " + proxies->no_proxy, "http://p:3128 a,b");
}

TEST(ConfigCni, IsOffUntilAskedForAndRootsAlone) {
  EXPECT_FALSE(Parse("")->cni.enabled);
  const auto set = Parse("[network.cni]\nenabled = true\nconf_dir = \"/net.d/\"\nbin_dirs = [\"/bin\"]\ntimeout = 5\n");
  ASSERT_OK(set);
  EXPECT_EQ(set->cni, (CniConfig{true, "/net.d", {"/bin"}, 5}));
  const auto users = ParseConfig("[network.cni]\nenabled = true\n", "f", DefaultConfig(true, 1));
  EXPECT_THAT(users.error().Message(), ::testing::HasSubstr("network.cni.enabled"));
  for (const char* wrong : {"timeout = 0", "bin_dirs = []", "bin_dirs = [\"bin\"]", "bin_dirs = [\"/a:/b\"]"})
    EXPECT_THAT(ErrorOf(std::string("[network.cni]\n") + wrong), ::testing::HasSubstr("network.cni.")) << wrong;
}

TEST(Config, AnUnknownKeyIsRefusedWithItsLine) {
  EXPECT_EQ(ErrorOf("data_root = \"/d\"\n\ncolour = 1\n"), "estibad.toml:3: unknown key 'colour'");
  EXPECT_EQ(ErrorOf("[log]\nlevel = \"info\"\nsize = 3\n"), "estibad.toml:3: unknown key 'log.size'");
}

TEST(Config, AValueOfTheWrongKindIsRefusedWithItsLine) {
  EXPECT_THAT(ErrorOf("\ndata_root = 5\n"), ::testing::StartsWith("estibad.toml:2: data_root: expected"));
  EXPECT_THAT(ErrorOf("[log]\nlevel = \"loud\"\n"),
              ::testing::StartsWith("estibad.toml:2: log.level: must be debug"));
  EXPECT_THAT(ErrorOf("[container_log]\nmax_files = 0\n"),
              ::testing::StartsWith("estibad.toml:2: container_log.max_files: 0"));
}

TEST(Config, PathsAreAbsolute) {
  EXPECT_THAT(ErrorOf("run_root = \"run\""), ::testing::HasSubstr("absolute path"));
}

TEST(Config, TheStorageDriverIsOneThatThereIs) {
  EXPECT_EQ(Parse("")->storage_driver, StorageDriver::kAuto);
  EXPECT_EQ(Parse("storage_driver = \"overlay2\"")->storage_driver, StorageDriver::kOverlay);
  EXPECT_EQ(Parse("storage_driver = \"erofs\"")->storage_driver, StorageDriver::kErofs);
  EXPECT_EQ(Parse("storage_driver = \"vfs\"")->storage_driver, StorageDriver::kCopy);
  EXPECT_THAT(ErrorOf("storage_driver = \"zfs\""), ::testing::HasSubstr("auto, overlay, erofs or copy, not 'zfs'"));
}

TEST(Config, TheSocketFollowsTheRunRootUnlessItIsSet) {
  ASSERT_OK_AND_ASSIGN(Config moved, Parse("run_root = \"/r/\""));
  EXPECT_EQ(moved.socket, "/r/estiba.sock");
  ASSERT_OK_AND_ASSIGN(Config set, Parse("run_root = \"/r\"\nsocket = \"/s/x.sock\""));
  EXPECT_EQ(set.socket, "/s/x.sock");
}

TEST(Config, AnIpv6SubnetIsForADefaultBridgeWithIpv6) {
  ASSERT_OK_AND_ASSIGN(const Config config,
                       Parse("[network]\nbridge_ipv6 = true\nbridge_subnet6 = \"fd00:1::/64\"\n"));
  EXPECT_TRUE(config.bridge_ipv6);
  EXPECT_EQ(config.bridge_subnet6, "fd00:1::/64");
  for (const char* wrong : {"bridge_subnet6 = \"fd00:1::/64\"", "bridge_ipv6 = true\nbridge_subnet6 = \"10.0.0.0/8\""})
    EXPECT_THAT(ErrorOf(std::string("[network]\n") + wrong + "\n"), ::testing::HasSubstr("bridge_subnet6")) << wrong;
}

TEST(Config, EverySectionIsRead) {
  ASSERT_OK_AND_ASSIGN(Config config,
                       Parse("[log]\nlevel = \"debug\"\nmax_size = \"1MiB\"\n"
                             "[container_log]\nmax_size = \"5m\"\nmax_files = 2\n"
                             "[images]\nkeep_storage = \"2g\"\nunused_for = \"72h\"\nkeep_blobs = false\n"
                             "[registries]\ninsecure = [\"r:5000\"]\nparallel_ranges = 4\nstall_timeout = 7\n"
                             "[network]\nbridge = \"br9\"\nmtu = 1400\n"
                             "[[network.address_pools]]\nbase = \"10.9.0.0/16\"\nsize = 24\n"
                             "[limits]\npids = 100\nmemory = \"1g\"\nnofile = \"1024:4096\"\n"));
  EXPECT_EQ(config.log_level, log::Level::kDebug);
  EXPECT_EQ(config.log_max_size, 1 << 20);
  EXPECT_EQ(config.container_log_max_size, 5 << 20);
  EXPECT_EQ(config.container_log_max_files, 2);
  EXPECT_THAT(config.insecure_registries, ::testing::ElementsAre("r:5000"));
  EXPECT_EQ(config.images.keep_storage, std::int64_t{2} << 30);
  EXPECT_EQ(config.images.unused_for, std::chrono::hours(72));
  EXPECT_FALSE(config.images.keep_blobs);
  EXPECT_EQ(config.parallel_ranges, 4);
  EXPECT_EQ(config.stall_timeout, 7);
  EXPECT_EQ(config.bridge, "br9");
  ASSERT_EQ(config.address_pools.size(), 1U);
  EXPECT_EQ(config.address_pools[0].size, 24);
  EXPECT_EQ(config.limits.memory, 1 << 30);
  EXPECT_EQ(config.limits.nofile->second, 4096U);
}

TEST(Config, AMissingFileThatWasNamedIsAnError) {
  EXPECT_FALSE(LoadConfig("/nonexistent/estibad.toml", false, 0).ok());
}

}  // namespace
}  // namespace estiba::engine
