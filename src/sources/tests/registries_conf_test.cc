#include "sources/registries_conf.h"

#include "oci/reference.h"
#include "tests/support.h"

namespace estiba::sources {
namespace {

RegistriesConf Parsed(const std::string& text) {
  auto conf = RegistriesConf::Parse(text, "f");
  EXPECT_TRUE(conf.ok()) << conf.error().Message();
  return conf.ok() ? std::move(*conf) : RegistriesConf();
}

// "host/path" of each source, '!' behind those that may be insecure.
std::vector<std::string> Sources(const RegistriesConf& conf, const std::string& name) {
  const auto sources = conf.Resolve(*oci::ParseReferenceOrLatest(name));
  if (!sources.ok()) return {sources.error().Message()};
  std::vector<std::string> out;
  for (const Source& source : *sources) out.push_back(source.host + "/" + source.path + (source.insecure ? "!" : ""));
  return out;
}

using ::testing::ElementsAre;
const std::string kDigest = "@sha256:" + std::string(64, 'a');

TEST(RegistriesConf, AnEmptyOneLeavesNamesAlone) {
  EXPECT_THAT(Sources({}, "busybox"), ElementsAre("docker.io/library/busybox"));
  EXPECT_THAT(Sources(Parsed("unqualified-search-registries = [\"quay.io\"]\n[aliases]\n\"a\" = \"q.io/a\"\n"), "a"),
              ElementsAre("docker.io/library/a"));
}

TEST(RegistriesConf, MirrorsGoFirst) {
  const RegistriesConf conf = Parsed(R"(
[[registry]]
location = "docker.io"
[[registry.mirror]]
location = "m1:5000"
insecure = true
[[registry.mirror]]
location = "m2.io/hub"
)");
  EXPECT_THAT(Sources(conf, "busybox"),
              ElementsAre("m1:5000/library/busybox!", "m2.io/hub/library/busybox", "docker.io/library/busybox"));
  EXPECT_THAT(Sources(conf, "q.io/a"), ElementsAre("q.io/a"));
}

TEST(RegistriesConf, AMirrorMayServeDigestsOrTagsOnly) {
  const RegistriesConf conf = Parsed(R"(
[[registry]]
prefix = "q.io"
[[registry.mirror]]
location = "d.io"
pull-from-mirror = "digest-only"
[[registry.mirror]]
location = "t.io"
pull-from-mirror = "tag-only"
[[registry]]
prefix = "r.io"
mirror-by-digest-only = true
[[registry.mirror]]
location = "d.io"
)");
  EXPECT_THAT(Sources(conf, "q.io/a:1"), ElementsAre("t.io/a", "q.io/a"));
  EXPECT_THAT(Sources(conf, "q.io/a" + kDigest), ElementsAre("d.io/a", "q.io/a"));
  EXPECT_THAT(Sources(conf, "r.io/a:1"), ElementsAre("r.io/a"));
  EXPECT_THAT(Sources(conf, "r.io/a" + kDigest), ElementsAre("d.io/a", "r.io/a"));
}

TEST(RegistriesConf, TheLongestPrefixWinsAndEndsAtAPart) {
  const RegistriesConf conf = Parsed(R"(
[[registry]]
prefix = "q.io"
location = "all.io"
[[registry]]
prefix = "q.io/team"
location = "team.io/x"
insecure = true
[[registry]]
prefix = "*.example.com"
location = "w.io/y"
[[registry]]
prefix = "bad.io"
blocked = true
[[registry]]
prefix = "*.plain.com"
insecure = true
)");
  EXPECT_THAT(Sources(conf, "q.io/a"), ElementsAre("all.io/a"));
  EXPECT_THAT(Sources(conf, "q.io/team/a:1"), ElementsAre("team.io/x/a!"));
  EXPECT_THAT(Sources(conf, "q.io/teams/a"), ElementsAre("all.io/teams/a"));
  EXPECT_THAT(Sources(conf, "q.io.evil/a"), ElementsAre("q.io.evil/a"));
  EXPECT_THAT(Sources(conf, "a.b.example.com/c/d"), ElementsAre("w.io/y/c/d"));
  EXPECT_THAT(Sources(conf, "example.com/c"), ElementsAre("example.com/c"));
  EXPECT_THAT(Sources(conf, "r.plain.com/c"), ElementsAre("r.plain.com/c!"));
  EXPECT_THAT(Sources(conf, "bad.io/a"),
              ElementsAre("registry 'bad.io' is blocked in registries.conf: 'bad.io/a' is not fetched"));
}

TEST(RegistriesConf, ALaterFileReplacesTheSamePrefix) {
  RegistriesConf conf =
      Parsed("[[registry]]\nlocation = \"q.io\"\nblocked = true\n[[registry]]\nlocation = \"r.io\"\n");
  conf.Merge(Parsed("[[registry]]\nprefix = \"q.io\"\nlocation = \"m.io\"\n"));
  EXPECT_THAT(Sources(conf, "q.io/a"), ElementsAre("m.io/a"));
  EXPECT_EQ(conf.registries().size(), 2U);
}

TEST(RegistriesConf, RefusesWhatItDoesNotUnderstandByLine) {
  const std::pair<const char*, const char*> cases[] = {
      {"[registries.search]\nregistries = []\n", "f:1: [registries] is of version 1"},
      {"[[registry]]\ninsecure = true\n", "f:1: a registry needs a prefix or a location"},
      {"[[registry]]\nlocation = \"https://q.io\"\n", "location: 'https://q.io' is not HOST[:PORT][/NAMESPACE]"},
      {"[[registry]]\nlocation = \"q.io/\"\n", "location: 'q.io/' is not"},
      {"[[registry]]\nprefix = \"*.q.io/a\"\n", "has a path behind a wildcard"},
      {"[[registry]]\nlocation = \"q.io\"\nblocked = \"yes\"\n", "f:3: blocked: expected"},
      {"[[registry]]\nlocation = \"q.io\"\n[[registry]]\nlocation = \"q.io\"\n", "f:3: a second registry"},
      {"[[registry]]\nlocation = \"q.io\"\n[[registry.mirror]]\nlocation = \"m.io\"\npull-from-mirror = \"x\"\n",
       "'x' is none of all, digest-only, tag-only"},
      {"[[registry]]\nlocation = \"q.io\"\nmirror-by-digest-only = true\n[[registry.mirror]]\nlocation = \"m.io\"\n"
       "pull-from-mirror = \"all\"\n",
       "contradicts"},
      {"[[registry]]\nlocation = \"q.io\"\n[[registry.mirror]]\ninsecure = true\n", "location: ''"},
      {"registry = 1\n", "f:1: registry: expected"},
      {"[[registry", "line 1"},
  };
  for (const auto& [text, says] : cases) {
    const auto conf = RegistriesConf::Parse(text, "f");
    ASSERT_FALSE(conf.ok()) << text;
    EXPECT_NE(conf.error().Message().find(says), std::string::npos) << conf.error().Message();
  }
}

}  // namespace
}  // namespace estiba::sources
