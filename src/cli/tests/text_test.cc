#include "commands/port_list.h"
#include "commands/pull.h"
#include "tests/support.h"
#include "text/escape.h"
#include "text/indent_json.h"
#include "text/progress.h"
#include "text/table.h"
#include "text/units.h"

namespace estiba::cli {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(HumanDuration, IsDockers) {
  EXPECT_EQ(HumanDuration(std::chrono::milliseconds(900)), "Less than a second");
  EXPECT_EQ(HumanDuration(seconds(1)), "1 second");
  EXPECT_EQ(HumanDuration(seconds(59)), "59 seconds");
  EXPECT_EQ(HumanDuration(seconds(60)), "About a minute");
  EXPECT_EQ(HumanDuration(minutes(2)), "2 minutes");
  EXPECT_EQ(HumanDuration(minutes(60)), "About an hour");
  EXPECT_EQ(HumanDuration(minutes(100)), "2 hours");
  EXPECT_EQ(HumanDuration(hours(47)), "47 hours");
  EXPECT_EQ(HumanDuration(hours(24 * 13)), "13 days");
  EXPECT_EQ(HumanDuration(hours(24 * 15)), "2 weeks");
  EXPECT_EQ(HumanDuration(hours(24 * 70)), "2 months");
  EXPECT_EQ(HumanDuration(hours(24 * 365 * 3)), "3 years");
}

TEST(Sizes, HaveFewDigits) {
  EXPECT_EQ(HumanSize(0), "0B");
  EXPECT_EQ(HumanSize(999), "999B");
  EXPECT_EQ(HumanSize(4260000, 3), "4.26MB");
  EXPECT_EQ(HumanSize(1234567890), "1.235GB");
  EXPECT_EQ(BinarySize(1536), "1.5KiB");
  EXPECT_EQ(BinarySize(0), "0B");
}

TEST(Table, CountsCodePoints) {
  EXPECT_EQ(AlignColumns("A\tB\nlöng name here\tx\n"), "A                B\nlöng name here   x\n");
  EXPECT_EQ(AlignColumns(""), "");
  EXPECT_EQ(Ellipsis("abcdef", 4), "abc…");
  EXPECT_EQ(Ellipsis("äöü", 3), "äöü");
  EXPECT_EQ(Ellipsis("äöüß", 3), "äö…");
}

TEST(Escape, LeavesNothingForTheTerminalToObey) {
  EXPECT_EQ(EscapeControls("a\x1b[2Jb\tc\n\x07\x7f"), "a\\x1b[2Jb\tc\n\\x07\\x7f");
  EXPECT_EQ(EscapeControls("\xc2\x9b"
                           "1m ü"),
            "\\xc2\\x9b1m ü");
  EXPECT_EQ(GoQuote("sh -c \"x\"\n"), R"("sh -c \"x\"\n")");
}

TEST(IndentJson, IsGos) {
  EXPECT_EQ(IndentJson(R"({"a":1,"b":[],"c":{},"d":[1,{"e":null}]})", "\t"),
            "{\n\t\"a\": 1,\n\t\"b\": [],\n\t\"c\": {},\n\t\"d\": [\n\t\t1,\n\t\t{\n\t\t\t\"e\": null\n\t\t}\n\t]\n}");
  EXPECT_EQ(IndentJson(" { \"a\" :\n[ ] , \"b\":{ } } ", "  "), "{\n  \"a\": [],\n  \"b\": {}\n}");
  EXPECT_EQ(IndentJson("[[],[[1.50e3]]]", " "), "[\n [],\n [\n  [\n   1.50e3\n  ]\n ]\n]");
  EXPECT_EQ(IndentJson("3", " "), "3");
}

TEST(IndentJson, LeavesStringsAlone) {
  EXPECT_EQ(IndentJson(R"(["a, {b}: [\\\"] ","\u003c"])", ""), "[\n\"a, {b}: [\\\\\\\"] \",\n\"\\u003c\"\n]");
  for (const char* broken : {"\"", "[\"\\", "]]", "{", ""}) EXPECT_LE(IndentJson(broken, " ").size(), 8U);
}

TEST(PortList, JoinsNeighbours) {
  const auto list = [](std::string_view text) {
    const auto json = codec::ParseJson(text);
    return PortList(&json.value());
  };
  EXPECT_EQ(list(R"([{"PrivatePort":80,"Type":"tcp"}])"), "80/tcp");
  EXPECT_EQ(list(R"([{"IP":"0.0.0.0","PrivatePort":80,"PublicPort":8080,"Type":"tcp"},
                     {"IP":"::","PrivatePort":80,"PublicPort":8080,"Type":"tcp"}])"),
            "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp");
  EXPECT_EQ(
      list(
          R"([{"PrivatePort":81,"Type":"tcp"},{"PrivatePort":80,"Type":"tcp"},{"PrivatePort":82,"Type":"tcp"},
                     {"PrivatePort":90,"Type":"tcp"}])"),
      "80-82/tcp, 90/tcp");
  EXPECT_EQ(list(R"([{"IP":"0.0.0.0","PrivatePort":80,"PublicPort":80,"Type":"tcp"},
                     {"IP":"0.0.0.0","PrivatePort":81,"PublicPort":81,"Type":"tcp"}])"),
            "0.0.0.0:80-81->80-81/tcp");
  EXPECT_EQ(PortList(nullptr), "");
}

TEST(Reference, SplitsAtTheTagAndNotAtThePort) {
  EXPECT_EQ(SplitReference("localhost:5000/app").tag, "");
  EXPECT_EQ(SplitReference("localhost:5000/app:1").tag, "1");
  EXPECT_EQ(SplitReference("app@sha256:ab").tag, "sha256:ab");
  EXPECT_EQ(SplitReference("app@sha256:ab").name, "app");
  EXPECT_EQ(WithTag("app"), "app:latest");
  EXPECT_EQ(WithTag("localhost:5000/app:1"), "localhost:5000/app:1");
}

TEST(ProgressBar, NeedsAWideTerminal) {
  const auto detail = codec::ParseJson(R"({"current": 500, "total": 1000})");
  EXPECT_EQ(ProgressBar(*detail, 80), "    500B/1kB");
  EXPECT_EQ(ProgressBar(*detail, 120),
            "[" + std::string(25, '=') + ">" + std::string(25, ' ') + "]     500B/1kB");
  EXPECT_EQ(ProgressBar(*codec::ParseJson("{}"), 120), "");
  EXPECT_EQ(ProgressBar(*codec::ParseJson(R"({"current": 7})"), 120), "      7B");
}

}  // namespace
}  // namespace estiba::cli
