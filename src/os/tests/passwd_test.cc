#include "os/passwd.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "os/file.h"
#include "tests/support.h"

namespace estiba::os {
namespace {

constexpr const char* kPasswd = "# daemon\nroot:x:0:0::/:\nme:x:12:34::/home/me:\nbroken:x:\n99:x:7:8::/seven:\n";
constexpr const char* kGroup = "users:x:56:you,me\nwheel:x:10:me\nmine:x:34:\n";

std::string Resolved(const std::string& text) {
  const auto user = ResolveUser(kPasswd, kGroup, text);
  if (!user.ok()) return user.error().Message();
  std::string out = std::to_string(user->uid) + ":" + std::to_string(user->gid) + " " + user->home;
  for (const std::uint32_t group : user->groups) out += " " + std::to_string(group);
  return out;
}

TEST(Passwd, NamesAndNumbers) {
  EXPECT_EQ(Resolved("me"), "12:34 /home/me 34 56 10");
  EXPECT_EQ(Resolved("12"), "12:34 /home/me 34 56 10");
  EXPECT_EQ(Resolved("me:users"), "12:56 /home/me 56");
  EXPECT_EQ(Resolved("me:10"), "12:10 /home/me 10");
  EXPECT_EQ(Resolved("7"), "7:8 /seven 8");
  EXPECT_EQ(Resolved("99"), "7:8 /seven 8") << "a name of digits comes before the number";
  EXPECT_EQ(Resolved("70"), "70:0 / 0");
  EXPECT_EQ(Resolved("70:80"), "70:80 / 80");
}

TEST(Passwd, WhatIsNowhere) {
  EXPECT_EQ(Resolved("nobody"), "unable to find user nobody: no matching entries in passwd file");
  EXPECT_EQ(Resolved("broken"), "unable to find user broken: no matching entries in passwd file");
  EXPECT_EQ(Resolved("me:none"), "unable to find group none: no matching entries in group file");
  EXPECT_EQ(Resolved("2147483648"), "uids and gids must be in range 0-2147483647, not 2147483648");
}

TEST(Passwd, WithoutANameTheNumbersStand) {
  const auto user = ResolveUser(kPasswd, kGroup, "", 12, 1);
  ASSERT_TRUE(user.ok());
  EXPECT_EQ(user->gid, 1U);
  EXPECT_EQ(user->home, "/home/me");
  EXPECT_FALSE(user->by_name);
  EXPECT_THAT(user->groups, ::testing::IsEmpty());
}

TEST(Passwd, OnlyRegularFilesAreRead) {
  const testing::TempDir folder;
  ASSERT_EQ(::mkfifo((folder / "fifo").c_str(), 0600), 0);
  ASSERT_OK_AND_ASSIGN(const UniqueFd root, OpenAt({AT_FDCWD}, folder.path(), O_PATH | O_DIRECTORY));
  ASSERT_OK(ReplaceFile({root.get()}, "passwd", kPasswd, 0600));
  EXPECT_EQ(ReadUserFile({root.get()}, "passwd").value(), kPasswd);
  EXPECT_EQ(ReadUserFile({root.get()}, "fifo").value(), "");
  EXPECT_EQ(ReadUserFile({root.get()}, "etc/passwd").value(), "");
}

}  // namespace
}  // namespace estiba::os
