#include "codec/yaml.h"

#include "tests/support.h"

namespace estiba::codec {
namespace {

constexpr std::string_view kText = R"(# settings
default:
  place: "file:///var/lib"
  on: yes
scopes:
  a.example.com/x: {place: 'https://s', version: 1.10}
  empty:
list:
  - one
  - [two, 3]
)";

std::string ErrorOf(std::string_view text) {
  const auto value = ParseYaml(text);
  return value.ok() ? "" : value.error().Message();
}

TEST(Yaml, KeepsTheLineOfEveryValue) {
  ASSERT_OK_AND_ASSIGN(const YamlValue root, ParseYaml(kText));
  ASSERT_EQ(root.kind, YamlValue::Kind::kMapping);
  EXPECT_EQ(root.Find("default")->Find("place")->text, "file:///var/lib");
  EXPECT_EQ(root.Find("default")->Find("place")->line, 3U);
  EXPECT_EQ(root.Find("scopes")->Find("a.example.com/x")->Find("version")->text, "1.10");
  EXPECT_EQ(root.Find("scopes")->Find("a.example.com/x")->line, 6U);
  EXPECT_EQ(root.Find("list")->items.at(1).items.at(1).text, "3");
  EXPECT_EQ(root.Find("nothing"), nullptr);
}

TEST(Yaml, QuotesMakeText) {
  ASSERT_OK_AND_ASSIGN(const YamlValue root, ParseYaml("[yes, 'yes', !!str yes, ~, '', null, off]"));
  EXPECT_EQ(root.items.at(0).IfBool(), true);
  EXPECT_EQ(root.items.at(1).IfBool(), std::nullopt);
  EXPECT_EQ(root.items.at(2).IfBool(), std::nullopt);
  EXPECT_TRUE(root.items.at(3).IsNull());
  EXPECT_FALSE(root.items.at(4).IsNull());
  EXPECT_TRUE(root.items.at(5).IsNull());
  EXPECT_EQ(root.items.at(6).IfBool(), false);
}

TEST(Yaml, NothingIsNull) {
  for (const char* text : {"", "# only a remark\n", "---\n", "~"}) {
    ASSERT_OK_AND_ASSIGN(const YamlValue root, ParseYaml(text));
    EXPECT_TRUE(root.IsNull()) << text;
  }
}

TEST(Yaml, AnAliasIsACopy) {
  ASSERT_OK_AND_ASSIGN(const YamlValue root, ParseYaml("a: &one {x: 1}\nb: *one\n"));
  EXPECT_EQ(root.Find("b")->Find("x")->text, "1");
  EXPECT_EQ(root.Find("b")->line, 2U);
  EXPECT_THAT(ErrorOf("a: *one\n"), ::testing::HasSubstr("line 1: nothing before this is called 'one'"));
  EXPECT_THAT(ErrorOf("a: &one [*one]\n"), ::testing::HasSubstr("called 'one'"));  // within itself
}

TEST(Yaml, AliasesCannotGrowWithoutBound) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    const std::string below = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + below;
    for (int j = 1; j < 10; ++j) bomb += ", " + below;
    bomb += "]\n";
  }
  EXPECT_THAT(ErrorOf(bomb), ::testing::HasSubstr("more than 100000 values"));
  std::string text = "a: &a " + std::string(900'000, 'x') + "\nb: [*a, *a, *a, *a]\n";
  EXPECT_THAT(ErrorOf(text), ::testing::HasSubstr("more than 4 MiB of text"));
}

TEST(Yaml, IsBounded) {
  EXPECT_THAT(ErrorOf(std::string(33, '[') + std::string(33, ']')), ::testing::HasSubstr("nested too deeply"));
  EXPECT_EQ(ErrorOf(std::string(32, '[') + std::string(32, ']')), "");
  EXPECT_THAT(ErrorOf(std::string((1U << 20) + 1, ' ')), ::testing::HasSubstr("more than 1 MiB"));
}

TEST(Yaml, NamesTheLineOfWhatIsRefused) {
  EXPECT_THAT(ErrorOf("a: 1\nb: 2\na: 3\n"), ::testing::HasSubstr("line 3: the key 'a' comes twice"));
  EXPECT_THAT(ErrorOf("a: 1\n---\nb: 2\n"), ::testing::HasSubstr("line 2: a second document begins"));
  EXPECT_THAT(ErrorOf("? [a]\n: 1\n"), ::testing::HasSubstr("a key has to be a scalar"));
  EXPECT_THAT(ErrorOf("a: !!binary eA==\n"), ::testing::HasSubstr("line 1: the tag 'tag:yaml.org,2002:binary'"));
  EXPECT_THAT(ErrorOf("a: !!str [b]\n"), ::testing::HasSubstr("is not supported here"));
  EXPECT_THAT(ErrorOf("a: b\n c: d: e\n"), ::testing::HasSubstr("line 2: "));
  EXPECT_THAT(ErrorOf("a: \"\n"), ::testing::HasSubstr("line "));
  EXPECT_NE(ErrorOf("\xff\xfe\xff"), "");
}

}  // namespace
}  // namespace estiba::codec
