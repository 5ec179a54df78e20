#include "options/values.h"

#include <gmock/gmock.h>

#include "options/envfile.h"
#include "options/limits.h"
#include "tests/support.h"

namespace estiba::cli {
namespace {

TEST(Bytes, UnitsAreBinary) {
  for (const auto& [text, bytes] : std::vector<std::pair<const char*, std::int64_t>>{{"512", 512},
                                                                                     {"1k", 1024},
                                                                                     {"64m", 64 << 20},
                                                                                     {"1.5G", 1610612736},
                                                                                     {"10KiB", 10240},
                                                                                     {"2MB", 2 << 20},
                                                                                     {"7b", 7},
                                                                                     {"1 g", 1 << 30}}) {
    const auto parsed = ParseBytes(text);
    ASSERT_TRUE(parsed.ok()) << text;
    EXPECT_EQ(*parsed, bytes) << text;
  }
}

TEST(Bytes, NonsenseIsRefused) {
  for (const char* text : {"", "x", "5x", "1kk", "-1", "1e30g", "m", "1bb", "0x10"})
    EXPECT_FALSE(ParseBytes(text).ok()) << text;
}

TEST(NanoCpus, AreDecimals) {
  EXPECT_EQ(*ParseNanoCpus("1.5"), 1'500'000'000);
  EXPECT_EQ(*ParseNanoCpus(".25"), 250'000'000);
  EXPECT_EQ(*ParseNanoCpus("0.000000001"), 1);
  EXPECT_FALSE(ParseNanoCpus("0.0000000001").ok());
  EXPECT_FALSE(ParseNanoCpus("-1").ok());
  EXPECT_FALSE(ParseNanoCpus("one").ok());
}

TEST(Timestamp, TakesDurationsUnixTimesAndRfc3339) {
  const WallTime now{std::chrono::seconds(1'000'000)};
  EXPECT_EQ(*TimestampText("10s", now), "999990.000000000");
  EXPECT_EQ(*TimestampText("1700000000", now), "1700000000");
  EXPECT_EQ(*TimestampText("1700000000.5", now), "1700000000.5");
  EXPECT_EQ(*TimestampText("2020-01-01T00:00:00.25Z", now), "1577836800.250000000");
  EXPECT_FALSE(TimestampText("yesterday", now).ok());
}

const char* NoVariables(const char*) { return nullptr; }
const char* OneVariable(const char* name) { return std::string_view(name) == "HERE" ? "value" : nullptr; }

TEST(Env, AnUnsetVariableGoesAsItsName) {
  EXPECT_EQ(*ParseEnv("A=b=c", NoVariables), "A=b=c");
  EXPECT_EQ(*ParseEnv("HERE", OneVariable), "HERE=value");
  EXPECT_EQ(*ParseEnv("GONE", OneVariable), "GONE");
  EXPECT_FALSE(ParseEnv("=x", NoVariables).ok());
}

TEST(EnvFile, SkipsCommentsAndTakesOurVariables) {
  const auto read =
      ParseEnvFile("\xEF\xBB\xBF# note\n\n  A=1\r\nB= two # kept\nHERE\nGONE\nC=\n", "f", OneVariable);
  ASSERT_OK(read);
  EXPECT_THAT(*read, ::testing::ElementsAre("A=1", "B= two # kept", "HERE=value", "C="));
}

TEST(EnvFile, NamesTheVariableThatIsWrong) {
  const auto blank = ParseEnvFile("A B=1\n", "f", NoVariables);
  ASSERT_FALSE(blank.ok());
  EXPECT_EQ(blank.error().Message(),
            "poorly formatted environment: variable 'A B' contains whitespaces (file 'f')");
  EXPECT_FALSE(ParseEnvFile("=1\n", "f", NoVariables).ok());
}

TEST(Labels, WithoutValueAreEmpty) {
  ASSERT_OK_AND_ASSIGN(const auto labels, ReadLabels({}, {"a=1", "b", "c=x=y"}));
  EXPECT_EQ(labels, (std::map<std::string, std::string>{{"a", "1"}, {"b", ""}, {"c", "x=y"}}));
  EXPECT_FALSE(ReadLabels({"/nonexistent"}, {}).ok());
}

TEST(Ulimit, SoftMayNotExceedHard) {
  ASSERT_OK_AND_ASSIGN(const auto both, ParseUlimit("nofile=1024:2048"));
  EXPECT_EQ(both.soft, 1024);
  EXPECT_EQ(both.hard, 2048);
  EXPECT_EQ(ParseUlimit("core=-1")->hard, -1);
  EXPECT_EQ(ParseUlimit("nproc=5")->hard, 5);
  for (const char* text : {"nofile", "speed=1", "nofile=1:2:3", "nofile=9:8", "nofile=x", "nofile=-2"})
    EXPECT_FALSE(ParseUlimit(text).ok()) << text;
}

TEST(Device, MayHaveATargetAndAMode) {
  const auto plain = ParseDevice("/dev/fuse");
  EXPECT_EQ(plain->path_in_container, "/dev/fuse");
  EXPECT_EQ(plain->cgroup_permissions, "rwm");
  const auto full = ParseDevice("/dev/sda:/dev/xvda:r");
  EXPECT_EQ(full->path_in_container, "/dev/xvda");
  EXPECT_EQ(full->cgroup_permissions, "r");
  EXPECT_EQ(ParseDevice("/dev/sda:rw")->cgroup_permissions, "rw");
  for (const char* text : {"", "/dev/a:/dev/b:rx", "a:b:c:d"}) EXPECT_FALSE(ParseDevice(text).ok()) << text;
}

TEST(Restart, MayCountItsTries) {
  EXPECT_EQ(ParseRestart("on-failure:3")->maximum_retry_count, 3);
  EXPECT_EQ(ParseRestart("always")->name, "always");
  EXPECT_FALSE(ParseRestart("on-failure:x").ok());
  EXPECT_FALSE(ParseRestart(":3").ok());
}

TEST(ExtraHost, IsANameAndAnAddress) {
  EXPECT_EQ(*ParseExtraHost("db:10.0.0.1"), "db:10.0.0.1");
  EXPECT_EQ(*ParseExtraHost("db=[::1]"), "db:::1");
  EXPECT_EQ(*ParseExtraHost("host.docker.internal:host-gateway"), "host.docker.internal:host-gateway");
  for (const char* text : {"db", ":10.0.0.1", "db:ten"}) EXPECT_FALSE(ParseExtraHost(text).ok()) << text;
}

TEST(SecurityOptions, ReadTheProfileAndTakeOutSystemPaths) {
  const testing::TempDir dir;
  const std::string profile = dir / "profile.json";
  FILE* file = std::fopen(profile.c_str(), "w");
  std::fputs("{ \"defaultAction\": \"SCMP_ACT_ALLOW\" }", file);
  std::fclose(file);
  ASSERT_OK_AND_ASSIGN(const auto read, ReadSecurityOptions({"no-new-privileges", "systempaths=unconfined",
                                                             "seccomp=" + profile, "seccomp=unconfined"}));
  EXPECT_TRUE(read.system_paths_unconfined);
  EXPECT_THAT(read.options,
              ::testing::ElementsAre("no-new-privileges", R"(seccomp={"defaultAction":"SCMP_ACT_ALLOW"})",
                                     "seccomp=unconfined"));
  EXPECT_FALSE(ReadSecurityOptions({"seccomp=/nonexistent"}).ok());
  EXPECT_FALSE(ReadSecurityOptions({"whatever"}).ok());
}

}  // namespace
}  // namespace estiba::cli
