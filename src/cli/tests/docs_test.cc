#include "docs.h"

#include <fstream>
#include <iterator>

#include "complete.h"
#include "os/file.h"
#include "tests/support.h"

namespace estiba::cli {
namespace {

std::string InRoot(std::string_view name) {
  std::string path = ESTIBA_TEST_DATA;
  path += "/../../../";
  path += name;
  return path;
}

// ESTIBA_UPDATE=1 writes the files instead of comparing them.
void CheckPages(const std::string& folder, const std::vector<Page>& pages) {
  const bool update = std::getenv("ESTIBA_UPDATE") != nullptr;
  if (update) ASSERT_OK(os::EnsureDirectory(folder, 0755));
  for (const Page& page : pages) {
    std::string path = folder;
    path += "/";
    path += page.file;
    if (update) std::ofstream(path) << page.text;
    const auto text = os::ReadFile(path);
    ASSERT_TRUE(text.ok()) << text.error().ToString();
    EXPECT_EQ(*text, page.text) << path << " is out of date: run cli_tests with ESTIBA_UPDATE=1";
  }
}

TEST(Docs, PagesOfTheCommandsAreCurrent) { CheckPages(InRoot("docs/commands"), MarkdownPages()); }
TEST(Docs, ManualPagesAreCurrent) { CheckPages(InRoot("packaging/man"), ManualPages()); }

std::vector<std::string> Complete(const std::vector<std::string_view>& words) { return Completions(words); }

TEST(Completions, NameCommandsAndOptions) {
  EXPECT_THAT(Complete({"re"}), ::testing::ElementsAre("rename", "restart"));
  EXPECT_THAT(Complete({"volume", "c"}), ::testing::ElementsAre("create"));
  EXPECT_THAT(Complete({"-H", "/x", "unp"}), ::testing::ElementsAre("unpause"));
  EXPECT_THAT(Complete({"run", "--memory-s"}),
              ::testing::ElementsAre("--memory-swap", "--memory-swappiness"));
  EXPECT_THAT(Complete({"run", "-it", "--name", "x", "--rm", "--sig"}),
              ::testing::ElementsAre("--sig-proxy"));
  EXPECT_THAT(Complete({"run", "--name", "--me"}), ::testing::IsEmpty());         // the value of --name
  EXPECT_THAT(Complete({"run", "busybox", "ls", "--co"}), ::testing::IsEmpty());  // the command's own options
  EXPECT_THAT(Complete({"nonsense", "re"}), ::testing::IsEmpty());
  EXPECT_THAT(Complete({"help", "unp"}), ::testing::ElementsAre("unpause"));
}

TEST(Completions, KnowWhichWordIsAnOptionsValue) {
  const auto policies = ::testing::ElementsAre("always");
  EXPECT_THAT(Complete({"run", "--restart", "a"}), policies);
  EXPECT_THAT(Complete({"run", "-it", "--restart=a"}), ::testing::ElementsAre("--restart=always"));
  EXPECT_THAT(Complete({"run", "-itp", "80:80", "--sig"}), ::testing::ElementsAre("--sig-proxy"));
  EXPECT_THAT(Complete({"run", "-v/a:/p", "--sig"}),
              ::testing::ElementsAre("--sig-proxy"));  // -v took it all
  EXPECT_THAT(Complete({"run", "-itp", "--sig"}), ::testing::IsEmpty());
}

}  // namespace
}  // namespace estiba::cli
