#include "os/copy_bytes.h"

#include <fcntl.h>
#include <unistd.h>

#include <thread>

#include "os/file.h"
#include "os/process.h"
#include "tests/support.h"

namespace estiba::os {
namespace {

class CopyBytesTest : public ::testing::Test {
 protected:
  CopyBytesTest() {
    for (int i = 0; i < 300'000; ++i) content_ += static_cast<char>(i * 7 % 251);
    const auto file = OpenAt({AT_FDCWD}, dir_ / "from", O_WRONLY | O_CREAT, 0600);
    EXPECT_TRUE(file.ok() && WriteAll(file->get(), content_).ok());
  }
  UniqueFd From() const { return *OpenAt({AT_FDCWD}, dir_ / "from", O_RDONLY); }
  UniqueFd To(int flags = 0) const { return *OpenAt({AT_FDCWD}, dir_ / "to", O_WRONLY | O_CREAT | flags, 0600); }
  std::string Copied() const { return *ReadFile(dir_ / "to"); }

  testing::TempDir dir_;
  std::string content_;
};

TEST_F(CopyBytesTest, BothPositionsMoveOn) {
  const UniqueFd from = From();
  const UniqueFd to = To();
  ASSERT_TRUE(WriteAll(to.get(), "head ").ok());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(*CopyBytes(from.get(), to.get(), 100'001), i < 2 ? 100'001U : 99'998U);
  ASSERT_TRUE(WriteAll(to.get(), " tail").ok());
  EXPECT_EQ(Copied(), "head " + content_ + " tail");
}

TEST_F(CopyBytesTest, AFileThatIsAppendedTo) {
  EXPECT_EQ(*CopyBytes(From().get(), To(O_APPEND).get()), content_.size());
  EXPECT_EQ(Copied(), content_);
}

TEST_F(CopyBytesTest, APipe) {
  Pipe pipe = *MakePipe();
  std::string read;
  std::thread reader([&] { read = *ReadAll(pipe.read.get()); });
  const auto done = CopyBytes(From().get(), pipe.write.get());
  pipe.write.Reset();
  reader.join();
  EXPECT_EQ(*done, content_.size());
  EXPECT_EQ(read, content_);
}

TEST_F(CopyBytesTest, AFileOfTheKernelsHasNoSize) {
  const UniqueFd from = *OpenAt({AT_FDCWD}, "/proc/self/status", O_RDONLY);
  EXPECT_GT(*CopyBytes(from.get(), To().get()), 0U);
  EXPECT_NE(Copied().find("Name:"), std::string::npos);
}

TEST_F(CopyBytesTest, WhatCannotBeWrittenIsAnError) {
  const UniqueFd full = *OpenAt({AT_FDCWD}, "/dev/full", O_WRONLY);
  EXPECT_EQ(CopyBytes(From().get(), full.get()).error().errnum(), ENOSPC);
  EXPECT_EQ(CopyBytes(From().get(), From().get()).error().errnum(), EBADF);
}

}  // namespace
}  // namespace estiba::os
