#include "sources/short_names.h"

#include "codec/toml.h"
#include "tests/support.h"

namespace estiba::sources {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Choice = Meanings::Choice;

Result<ShortNames> Read(const std::string& text) {
  const codec::TomlValue top = TRY(codec::ParseToml(text));
  return ShortNames::Read(top, "f.conf");
}

std::vector<std::string> Texts(const std::vector<oci::Reference>& references) {
  std::vector<std::string> out;
  for (const oci::Reference& one : references) out.push_back(one.ToString());
  return out;
}

std::vector<std::string> Names(const ShortNames& names, const std::string& text) {
  const auto found = names.MeaningsOf(text);
  return found.ok() ? Texts(found->names) : std::vector<std::string>{"! " + found.error().Message()};
}

std::vector<std::string> Local(const ShortNames& names, const std::string& text) {
  const auto found = names.MeaningsOf(text);
  return found.ok() ? Texts(found->local) : std::vector<std::string>{"! " + found.error().Message()};
}

TEST(IsShortName, IsWhatNamesNoRegistry) {
  const std::string digest = "@sha256:" + std::string(64, 'a');
  for (const std::string& text : {"app" + digest, std::string("app:1"), "team/app" + digest, std::string("team/app")})
    EXPECT_TRUE(IsShortName(text)) << text;
  for (const char* text : {"docker.io/app", "docker.io/library/app", "index.docker.io/app", "localhost/app", "h:5/app",
                           "q.io/app", "UPPER", ""})
    EXPECT_FALSE(IsShortName(text)) << text;
}

TEST(AliasedPart, IsTheNameWithoutTagAndDigest) {
  const std::string digest = "@sha256:" + std::string(64, 'a');
  EXPECT_EQ(AliasedPart("app"), "app");
  EXPECT_EQ(AliasedPart("team/app:1"), "team/app");
  EXPECT_EQ(AliasedPart("app" + digest), "app");
  EXPECT_EQ(AliasedPart("team/app:1" + digest), "team/app");
}

TEST(ShortNames, AreDockerHubsWhereNothingSaysOtherwise) {
  EXPECT_THAT(Names({}, "app:1"), ElementsAre("docker.io/library/app:1"));
  EXPECT_THAT(Local({}, "app:1"), ElementsAre("docker.io/library/app:1"));
  ASSERT_OK_AND_ASSIGN(const ShortNames empty, Read("unqualified-search-registries = []\n"));
  EXPECT_THAT(Names(empty, "team/app"), ElementsAre("docker.io/team/app:latest"));
  EXPECT_THAT(Names(empty, "UPPER"), ElementsAre(HasSubstr("must be lowercase")));
}

TEST(ShortNames, AreSoughtAtEachRegistryOrFoundByTheirAlias) {
  ASSERT_OK_AND_ASSIGN(const ShortNames names,
                       Read(R"(unqualified-search-registries = ["q.io/team", "h:5000", "docker.io"]
[aliases]
"app" = "r.io/team/app"
"team/tool" = "r.io/tool"
"hub" = "docker.io/hub"
"none" = ""
)"));
  EXPECT_THAT(Names(names, "db:1"), ElementsAre("q.io/team/db:1", "h:5000/db:1", "docker.io/library/db:1"));
  EXPECT_THAT(Names(names, "none"), ElementsAre("q.io/team/none:latest", "h:5000/none:latest",
                                                "docker.io/library/none:latest"));
  EXPECT_THAT(Names(names, "app"), ElementsAre("r.io/team/app:latest"));
  EXPECT_THAT(Names(names, "app:2"), ElementsAre("r.io/team/app:2"));
  EXPECT_THAT(Names(names, "hub"), ElementsAre("docker.io/library/hub:latest"));
  const std::string digest = "@sha256:" + std::string(64, 'a');
  EXPECT_THAT(Names(names, "team/tool:2" + digest), ElementsAre("r.io/tool:2" + digest));
  EXPECT_THAT(Names(names, "z.io/app"), ElementsAre("z.io/app:latest"));
  EXPECT_THAT(Names(names, "docker.io/app"), ElementsAre("docker.io/library/app:latest"));
}

TEST(ShortNames, AreLookedForHereByTheirAliasFirst) {
  ASSERT_OK_AND_ASSIGN(const ShortNames names, Read("unqualified-search-registries = [\"q.io\"]\n[aliases]\n"
                                                    "\"app\" = \"r.io/app\"\n"));
  EXPECT_THAT(Local(names, "app"), ElementsAre("r.io/app:latest", "docker.io/library/app:latest",
                                               "localhost/app:latest", "q.io/app:latest"));
  EXPECT_THAT(Local(names, "db"), ElementsAre("docker.io/library/db:latest", "localhost/db:latest", "q.io/db:latest"));
  EXPECT_THAT(Local(names, "z.io/app"), ElementsAre("z.io/app:latest"));
}

TEST(ShortNames, AreChosenByAPersonWhenSeveralAreMeant) {
  ASSERT_OK_AND_ASSIGN(ShortNames names, Read("unqualified-search-registries = [\"q.io\", \"r.io\"]\n[aliases]\n"
                                              "\"known\" = \"q.io/known\"\n"));
  const auto choice = [&names](const char* text) {
    const auto found = names.MeaningsOf(text);
    return found.ok() ? found->choice : Choice::kNone;
  };
  EXPECT_EQ(choice("app"), Choice::kOffered);
  names.mode = ShortNames::Mode::kPermissive;
  EXPECT_EQ(choice("app"), Choice::kOffered);
  names.mode = ShortNames::Mode::kEnforcing;
  EXPECT_EQ(choice("app"), Choice::kRequired);
  EXPECT_EQ(choice("known"), Choice::kNone);
  EXPECT_EQ(choice("q.io/app"), Choice::kNone);
  names.mode = ShortNames::Mode::kDisabled;
  EXPECT_EQ(choice("app"), Choice::kNone);
  names.mode = ShortNames::Mode::kEnforcing;
  names.search = {"q.io"};
  EXPECT_EQ(choice("app"), Choice::kNone);
}

TEST(ShortNames, TheAskersOwnAliasGoesFirst) {
  ASSERT_OK_AND_ASSIGN(const ShortNames names, Read("unqualified-search-registries = [\"q.io\"]\n[aliases]\n"
                                                    "\"app\" = \"r.io/app\"\n"));
  ASSERT_OK_AND_ASSIGN(const Meanings own, names.MeaningsOf("app:1", "z.io/app"));
  EXPECT_THAT(Texts(own.names), ElementsAre("z.io/app:1"));
  ASSERT_OK_AND_ASSIGN(const Meanings none, names.MeaningsOf("app:1", ""));
  EXPECT_THAT(Texts(none.names), ElementsAre("q.io/app:1"));
  EXPECT_FALSE(names.MeaningsOf("app:1", "other").ok());
  ASSERT_OK_AND_ASSIGN(const Meanings without_rules, ShortNames().MeaningsOf("app", "z.io/app"));
  EXPECT_THAT(Texts(without_rules.names), ElementsAre("z.io/app:latest"));
}

TEST(ShortNames, LaterFilesGoFirst) {
  ASSERT_OK_AND_ASSIGN(ShortNames names, Read(R"(short-name-mode = "enforcing"
unqualified-search-registries = ["q.io", "r.io"]
[aliases]
"a" = "q.io/a"
"b" = "q.io/b"
)"));
  ASSERT_OK_AND_ASSIGN(ShortNames later, Read("short-name-mode = \"disabled\"\n[aliases]\n\"a\" = \"\"\n"));
  names.Merge(std::move(later));
  EXPECT_THAT(Names(names, "a"), ElementsAre("q.io/a:latest", "r.io/a:latest"));
  EXPECT_THAT(Names(names, "b"), ElementsAre("q.io/b:latest"));
  EXPECT_EQ(names.mode, ShortNames::Mode::kDisabled);
  ASSERT_OK_AND_ASSIGN(ShortNames last, Read("unqualified-search-registries = []\n"));
  names.Merge(std::move(last));
  EXPECT_THAT(Names(names, "a"), ElementsAre("docker.io/library/a:latest"));
}

TEST(ShortNames, WhatIsNotUnderstoodIsAnError) {
  for (const char* text : {"\nshort-name-mode = \"maybe\"", "\nunqualified-search-registries = \"q.io\"",
                           "\nunqualified-search-registries = [\"https://q.io\"]",
                           "\nunqualified-search-registries = [\"q.io/team:1\"]",
                           "\nunqualified-search-registries = [\"\"]", "\nunqualified-search-registries = [\"hub\"]",
                           "\naliases = 1", "[aliases]\n\"a\" = 1", "[aliases]\n\"a:1\" = \"q.io/a\"",
                           "[aliases]\n\"q.io/a\" = \"q.io/a\"", "[aliases]\n\"a\" = \"b\"",
                           "[aliases]\n\"a\" = \"q.io/a:1\""}) {
    const auto read = Read(text);
    ASSERT_FALSE(read.ok()) << text;
    EXPECT_THAT(read.error().Message(), HasSubstr("f.conf:2: ")) << text;
  }
}

}  // namespace
}  // namespace estiba::sources
