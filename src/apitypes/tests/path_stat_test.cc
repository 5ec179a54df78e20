#include "apitypes/path_stat.h"

#include <sys/stat.h>

#include "tests/support.h"

namespace estiba::apitypes {
namespace {

TEST(PathStat, ModesAreGos) {
  // io/fs.FileMode: dir 1<<31, symlink 1<<27, device 1<<26, pipe 1<<25, socket 1<<24, setuid 1<<23, setgid 1<<22,
  // char device 1<<21, sticky 1<<20.
  EXPECT_EQ(GoFileMode(S_IFREG | 0644), 0644U);
  EXPECT_EQ(GoFileMode(S_IFDIR | 0755), 2147484141U);
  EXPECT_EQ(GoFileMode(S_IFDIR | 01777), 2148532735U);
  EXPECT_EQ(GoFileMode(S_IFLNK | 0777), 134218239U);
  EXPECT_EQ(GoFileMode(S_IFREG | 04755), 8389101U);
  EXPECT_EQ(GoFileMode(S_IFREG | 02755), 4194797U);
  EXPECT_EQ(GoFileMode(S_IFCHR | 0666), 69206454U);
  EXPECT_EQ(GoFileMode(S_IFBLK | 0660), 67109296U);
  EXPECT_EQ(GoFileMode(S_IFIFO | 0600), 33554816U);
  EXPECT_EQ(GoFileMode(S_IFSOCK | 0755), 16777709U);
}

TEST(PathStat, JsonIsDockers) {
  PathStat stat{"etc", 4096, GoFileMode(S_IFDIR | 0755), "2026-01-02T03:04:05.12Z", ""};
  EXPECT_EQ(stat.ToJson().Dump(),
            R"({"name":"etc","size":4096,"mode":2147484141,"mtime":"2026-01-02T03:04:05.12Z","linkTarget":""})");
  ASSERT_OK_AND_ASSIGN(const codec::Json json, codec::ParseJson(stat.ToJson().Dump()));
  ASSERT_OK_AND_ASSIGN(const PathStat read, PathStat::FromJson(json));
  EXPECT_EQ(read.name, "etc");
  EXPECT_TRUE(read.IsDirectory());
  EXPECT_FALSE(read.IsSymlink());
  EXPECT_FALSE(read.IsDevice());
}

}  // namespace
}  // namespace estiba::apitypes
