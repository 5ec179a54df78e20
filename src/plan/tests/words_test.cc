// Every sentence in every language, with the same operands.

#include <array>
#include <set>

#include "../step_words.h"
#include "../words.h"
#include "child/step.h"
#include "input.h"
#include "plan/explain.h"
#include "tests/support.h"

namespace estiba::plan {
namespace {

std::multiset<char> Placeholders(std::string_view pattern) {
  std::multiset<char> found;
  for (std::size_t at = pattern.find('{'); at != std::string_view::npos; at = pattern.find('{', at + 1))
    found.insert(pattern.at(at + 1));
  return found;
}

TEST(Words, EveryOperationHasASentence) {
  const auto all = AllStepWords();
  for (unsigned number = 1; number < 1100; ++number) {
    const auto op = static_cast<Op>(number);
    if (OpName(op).empty()) continue;
    EXPECT_TRUE(std::ranges::any_of(all, [&](const StepWords& w) { return w.op == op && w.variant == 0; }))
        << OpName(op);
  }
}

TEST(Words, EverySentenceIsInBothLanguagesWithTheSameOperands) {
  for (const StepWords& step : AllStepWords()) {
    ASSERT_NE(step.words.en, nullptr);
    ASSERT_NE(step.words.es, nullptr) << step.words.en;
    EXPECT_STRNE(step.words.es, "") << step.words.en;
    EXPECT_STRNE(step.words.es, step.words.en);
    EXPECT_EQ(Placeholders(step.words.en), Placeholders(step.words.es)) << step.words.en;
  }
}

TEST(Words, APlaceholderTakesItsOperandAndNothingElseDoes) {
  EXPECT_EQ(Fill("{1} and {0}, {x} {7}{", std::array<std::string, 2>{"a", "{1}"}), "{1} and a, {x} {");
}

TEST(Words, ALanguageIsKnownByItsTag) {
  EXPECT_EQ(FindLanguage("es"), Language::kSpanish);
  EXPECT_EQ(FindLanguage("es_MX.UTF-8@euro"), Language::kSpanish);
  EXPECT_EQ(FindLanguage("en-GB"), Language::kEnglish);
  EXPECT_EQ(FindLanguage("C.UTF-8"), Language::kEnglish);
  EXPECT_EQ(FindLanguage("est"), std::nullopt);
  EXPECT_EQ(FindLanguage(""), std::nullopt);
}

TEST(Words, TimesStandBehindTheirStepsAndTheirSumBelow) {
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildContainer(DockerInput(), HybridHost()));
  using std::chrono::microseconds;
  const std::string text =
      ExplainText(plan, {.timings = {{0, microseconds(80)}, {kCloneStep, microseconds(1200)}}});
  EXPECT_NE(text.find("[80 µs]"), std::string::npos);
  EXPECT_NE(text.find("ipc  [1.20 ms]"), std::string::npos);
  EXPECT_NE(text.find("measured: 1.28 ms in 2 steps"), std::string::npos);
}

}  // namespace
}  // namespace estiba::plan
