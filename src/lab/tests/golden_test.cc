// The shipped labs drawn and explained, compared with files. ESTIBA_UPDATE_GOLDEN=1 rewrites them: look at the
// difference before you commit.

#include "base/text.h"
#include "lab/draw.h"
#include "lab/plan.h"
#include "os/file.h"
#include "tests/lab_tests.h"
#include "tests/golden.h"
#include "tests/support.h"

namespace estiba::lab {
namespace {

using ::estiba::testing::ExpectGolden;

class Golden : public ::testing::TestWithParam<const char*> {};

TEST_P(Golden, DrawnAndExplained) {
  const std::string name = GetParam();
  const std::string folder =
      name == "every" ? std::string(ESTIBA_TEST_DATA) : ESTIBA_TEST_DATA "/../../../examples/lab";
  ASSERT_OK_AND_ASSIGN(const std::string text, os::ReadFile(folder + "/" + name + ".yaml"));
  const Lab lab = testing::Parsed(text, name + ".yaml");
  ExpectGolden(name + ".txt", DrawText(lab));
  ExpectGolden(name + ".svg", DrawSvg(lab));
  ExpectGolden(name + ".sh", Explain(lab));
}

INSTANTIATE_TEST_SUITE_P(Labs, Golden, ::testing::Values("lan", "routed", "firewall", "every"));

std::size_t Width(const std::string& line) {
  return static_cast<std::size_t>(std::ranges::count_if(line, [](char c) { return (c & 0xc0) != 0x80; }));
}

// A node after the other, each with long names and addresses.
std::string Chain(unsigned length) {
  std::string nodes = "nodes:\n", links = "links:\n";
  for (unsigned i = 0; i <= length; ++i) {
    const std::string name = "a-node-with-a-name-of-thirty-" + std::to_string(100 + i);
    nodes += "  " + name + ": {}\n";
    if (i == 0) continue;
    const std::string network = "fd00:1111:2222:3333:4444:" + std::to_string(i) + ":0:";
    links += "  - {endpoints: [\"a-node-with-a-name-of-thirty-" + std::to_string(99 + i) + ":left " + network +
             "1/112\", \"" + name + ":right " + network + "2/112\"], loss: 1%, rate: 10mbit, mtu: 1400}\n";
  }
  return nodes + links;
}

TEST(DrawText, HoweverLongAChainIsNoLineIsWiderThanATerminal) {
  const std::string drawing = DrawText(testing::Parsed(Chain(60)));
  for (const std::string& line : Split(drawing, '\n')) EXPECT_LE(Width(line), 100U) << line;
  EXPECT_THAT(drawing, ::testing::HasSubstr("a-node-with-a-name-of-thirty-160"));
}

TEST(DrawSvg, TextsAreEscaped) {
  const Lab lab = testing::Parsed("nodes: {a: {image: 'x<y>&\"z'}}\n");
  EXPECT_THAT(DrawSvg(lab), ::testing::HasSubstr(">x&lt;y&gt;&amp;&quot;z<"));
}

TEST(Explain, WordsOfTheFileCannotLeaveTheirQuotes) {
  const Lab lab = testing::Parsed("nodes: {a: {exec: \"echo 'it''s' $HOME; `id`\"}}\n");
  EXPECT_THAT(Explain(lab),
              ::testing::HasSubstr("ip netns exec lab-a sh -c 'echo '\\''it'\\'''\\''s'\\'' $HOME; `id`'"));
}

}  // namespace
}  // namespace estiba::lab
