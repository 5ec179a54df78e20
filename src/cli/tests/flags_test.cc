#include "options/flags.h"

#include <gmock/gmock.h>

#include "options/create_flags.h"
#include "tests/support.h"

namespace estiba::cli {
namespace {

using Words = std::vector<std::string_view>;

Result<Options> Parse(const Words& words) { return ParseFlags(RunFlags(), words, true); }

std::string Complaint(const Words& words) {
  const auto parsed = Parse(words);
  return parsed.ok() ? "" : parsed.error().Message();
}

TEST(Flags, BundledLettersAreSeveralOptions) {
  ASSERT_OK_AND_ASSIGN(const Options options, Parse({"-itd", "busybox"}));
  EXPECT_TRUE(options.On("interactive") && options.On("tty") && options.On("detach"));
  EXPECT_THAT(options.args(), ::testing::ElementsAre("busybox"));
}

TEST(Flags, ALetterTakesTheRestOfItsWordAsValue) {
  ASSERT_OK_AND_ASSIGN(const Options options,
                       Parse({"-p80:81", "-p=82:83", "-eA=B", "-e", "C=D", "-itv/a:/b", "x"}));
  EXPECT_THAT(options.List("publish"), ::testing::ElementsAre("80:81", "82:83"));
  EXPECT_THAT(options.List("env"), ::testing::ElementsAre("A=B", "C=D"));
  EXPECT_THAT(options.List("volume"), ::testing::ElementsAre("/a:/b"));
  EXPECT_TRUE(options.On("tty"));
}

TEST(Flags, LongOptionsTakeTheirValueWithOrWithoutEquals) {
  ASSERT_OK_AND_ASSIGN(const Options options,
                       Parse({"--name=a", "--user", "b", "--name", "c", "--sig-proxy=false", "x"}));
  EXPECT_EQ(options.Text("name"), "c");  // the last one counts
  EXPECT_EQ(options.Text("user"), "b");
  EXPECT_FALSE(options.On("sig-proxy", true));
}

TEST(Flags, OptionsEndAtTheImage) {
  ASSERT_OK_AND_ASSIGN(const Options options, Parse({"-d", "busybox", "sh", "-c", "--name", "--", "x"}));
  EXPECT_THAT(options.args(), ::testing::ElementsAre("busybox", "sh", "-c", "--name", "--", "x"));
  EXPECT_FALSE(options.Has("name"));
}

TEST(Flags, TwoDashesEndTheOptions) {
  ASSERT_OK_AND_ASSIGN(const Options options, Parse({"-d", "--", "-t", "x"}));
  EXPECT_THAT(options.args(), ::testing::ElementsAre("-t", "x"));
}

TEST(Flags, OtherCommandsTakeOptionsAnywhere) {
  const Words words{"web", "-f", "db"};
  constexpr Flag kFlags[] = {{'f', "force", Kind::kBool, "", "Force"}};
  ASSERT_OK_AND_ASSIGN(const Options options, ParseFlags(kFlags, words, false));
  EXPECT_TRUE(options.On("force"));
  EXPECT_THAT(options.args(), ::testing::ElementsAre("web", "db"));
}

TEST(Flags, ErrorsAreDockers) {
  EXPECT_EQ(Complaint({"--foo", "x"}), "unknown flag: --foo");
  EXPECT_EQ(Complaint({"-izx"}), "unknown shorthand flag: 'z' in -zx");
  EXPECT_EQ(Complaint({"--name"}), "flag needs an argument: --name");
  EXPECT_EQ(Complaint({"-ie"}), "flag needs an argument: 'e' in -e");
  EXPECT_EQ(Complaint({"--=x"}), "bad flag syntax: --=x");
  EXPECT_EQ(Complaint({"-m", "x", "y"}),
            "invalid argument \"x\" for \"-m, --memory\" flag: invalid size: 'x'");
  EXPECT_EQ(Complaint({"--cpus=x", "y"}),
            "invalid argument \"x\" for \"--cpus\" flag: failed to parse x as a rational number");
  EXPECT_EQ(
      Complaint({"--rm=maybe", "y"}),
      "invalid argument \"maybe\" for \"--rm\" flag: strconv.ParseBool: parsing \"maybe\": invalid syntax");
  EXPECT_EQ(
      Complaint({"--pids-limit=1x", "y"}),
      "invalid argument \"1x\" for \"--pids-limit\" flag: strconv.ParseInt: parsing \"1x\": invalid syntax");
}

TEST(Flags, AFilterIsAKeyAndAValue) {
  constexpr Flag kFlags[] = {{'f', "filter", Kind::kFilter, "filter", "Filter"}};
  const Words good{"-f", "label!=a=b"};
  ASSERT_OK_AND_ASSIGN(const Options options, ParseFlags(kFlags, good, false));
  EXPECT_THAT(options.List("filter"), ::testing::ElementsAre("label!=a=b"));
  for (const char* bad : {"red", "=red"}) {
    const Words words{"--filter", bad};
    EXPECT_EQ(ParseFlags(kFlags, words, false).error().Message(),
              "invalid argument \"" + std::string(bad) + "\" for \"-f, --filter\" flag: invalid filter '" +
                  bad + "'");
  }
}

TEST(Flags, OlderNamesKeepTheirPlaceAmongTheNewOnes) {
  ASSERT_OK_AND_ASSIGN(const Options options, Parse({"--network=a", "--net", "b", "--network=c", "x"}));
  EXPECT_THAT(options.List("network"), ::testing::ElementsAre("a", "b", "c"));
}

TEST(Flags, HIsTheHostnameOfRunAndHelpElsewhere) {
  ASSERT_OK_AND_ASSIGN(const Options run, Parse({"-h", "box", "image"}));
  EXPECT_EQ(run.Text("hostname"), "box");
  const Words words{"-h"};
  ASSERT_OK_AND_ASSIGN(const Options other, ParseFlags({}, words, false));
  EXPECT_TRUE(other.On("help"));
}

TEST(Flags, TheTableHasNoNameOrLetterTwice) {
  const auto flags = RunFlags();
  for (std::size_t i = 0; i < flags.size(); ++i)
    for (std::size_t j = i + 1; j < flags.size(); ++j) {
      EXPECT_NE(flags[i].name, flags[j].name);
      const bool same_letter = flags[i].letter != '\0' && flags[i].letter == flags[j].letter;
      EXPECT_FALSE(same_letter) << flags[i].name;
    }
}

}  // namespace
}  // namespace estiba::cli
