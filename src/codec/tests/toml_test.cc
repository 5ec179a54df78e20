#include "codec/toml.h"

#include "tests/support.h"

namespace estiba::codec {
namespace {

constexpr std::string_view kText = R"(# settings
data_root = "/var/lib/x"
port = 0x10

[log]
level = "info"
files = [1, 2]
ratio = 0.5

[[pool]]
base = "10.0.0.0/8"
[[pool]]
base = "10.1.0.0/16"
)";

TEST(Toml, KeepsTheLineOfEveryKey) {
  ASSERT_OK_AND_ASSIGN(const TomlValue root, ParseToml(kText));
  EXPECT_EQ(root.Find("data_root")->text, "/var/lib/x");
  EXPECT_EQ(root.Find("data_root")->line, 2U);
  EXPECT_EQ(root.Find("port")->integer, 16);
  const TomlValue* log = root.Find("log");
  ASSERT_NE(log, nullptr);
  EXPECT_EQ(log->line, 5U);
  EXPECT_EQ(log->Find("level")->line, 6U);
  EXPECT_EQ(log->Find("files")->items.at(1).integer, 2);
  EXPECT_DOUBLE_EQ(log->Find("ratio")->number, 0.5);
  EXPECT_EQ(root.Find("pool")->items.at(1).Find("base")->line, 13U);
  EXPECT_EQ(root.Find("nothing"), nullptr);
}

TEST(Toml, NamesTheLineOfAnError) {
  const auto bad = ParseToml("a = 1\nb = = 2\n");
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().code(), Code::kInvalidArgument);
  EXPECT_TRUE(bad.error().Message().starts_with("line 2: ")) << bad.error().Message();
  EXPECT_TRUE(ParseToml("a = 1\na = 2\n").error().Message().starts_with("line 2: "));
}

TEST(Toml, RefusesAHeaderThatIsOpen) {
  EXPECT_EQ(ParseToml("a = 1\n[\nb]\n").error().Message(), "line 2: malformed table header");
}

TEST(Toml, IsBounded) {
  EXPECT_FALSE(ParseToml("a = " + std::string(10'000, '[')).ok());
  EXPECT_EQ(ParseToml(std::string(2U << 20, ' ')).error().code(), Code::kOutOfRange);
}

}  // namespace
}  // namespace estiba::codec
