#include "os/attributes.h"

#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "os/file.h"
#include "tests/support.h"

namespace estiba::os {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

class AttributesTest : public ::testing::Test {
 protected:
  UniqueFd Open(const char* name, int flags) {
    auto opened = OpenAt({AT_FDCWD}, dir_ / name, flags);
    EXPECT_TRUE(opened.ok());
    return opened.ok() ? std::move(*opened) : UniqueFd();
  }
  testing::TempDir dir_;
};

TEST_F(AttributesTest, AreReadByNameWithTheirBytes) {
  const UniqueFd file = Open("file", O_RDWR | O_CREAT);
  const std::string large(3000, 'x');
  ASSERT_EQ(::fsetxattr(file.get(), "user.b", "\0\xff", 2, 0), 0);
  ASSERT_EQ(::fsetxattr(file.get(), "user.a", large.data(), large.size(), 0), 0);
  ASSERT_EQ(::fsetxattr(file.get(), "user.c", "", 0, 0), 0);
  for (const int flags : {O_RDONLY, O_PATH}) {
    const UniqueFd again = Open("file", flags);
    ASSERT_OK_AND_ASSIGN(const Attributes all, ReadAttributes(again.get()));
    EXPECT_THAT(all, ElementsAre(Pair("user.a", large), Pair("user.b", std::string("\0\xff", 2)), Pair("user.c", "")));
    ASSERT_OK_AND_ASSIGN(const auto one, ReadAttribute(again.get(), "user.b"));
    EXPECT_EQ(one, std::string("\0\xff", 2));
    ASSERT_OK_AND_ASSIGN(const auto none, ReadAttribute(again.get(), "user.none"));
    EXPECT_FALSE(none.has_value());
  }
}

TEST_F(AttributesTest, OfALinkAreItsOwn) {
  const UniqueFd file = Open("file", O_RDWR | O_CREAT);
  ASSERT_EQ(::fsetxattr(file.get(), "user.a", "x", 1, 0), 0);
  ASSERT_EQ(::symlink("file", (dir_ / "link").c_str()), 0);
  const UniqueFd link = Open("link", O_PATH | O_NOFOLLOW);
  ASSERT_OK_AND_ASSIGN(const Attributes all, ReadAttributes(link.get()));
  EXPECT_TRUE(all.empty());
}

TEST_F(AttributesTest, ThereAreNoneWhereNoneAreKept) {
  const auto proc = OpenAt({AT_FDCWD}, "/proc/self/status", O_RDONLY);
  ASSERT_TRUE(proc.ok());
  ASSERT_OK_AND_ASSIGN(const Attributes all, ReadAttributes(proc->get()));
  EXPECT_TRUE(all.empty());
}

}  // namespace
}  // namespace estiba::os
