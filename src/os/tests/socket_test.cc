#include "os/socket.h"

#include <cerrno>

#include <sys/socket.h>
#include <sys/stat.h>

#include "os/file.h"
#include "os/memfd.h"
#include "tests/support.h"

namespace estiba::os {
namespace {

TEST(Message, CarriesDescriptors) {
  ASSERT_OK_AND_ASSIGN(SocketPair pair, MakeSocketPair(SOCK_SEQPACKET));
  ASSERT_OK_AND_ASSIGN(UniqueFd memfd, MakeSealedMemfd("t", "content"));
  ASSERT_OK(SendMessage(pair.ours.get(), "hello", {memfd.get()}));
  ASSERT_OK_AND_ASSIGN(Message message, ReceiveMessage(pair.theirs.get()));
  EXPECT_EQ(message.bytes, "hello");
  ASSERT_EQ(message.fds.size(), 1U);
  EXPECT_EQ(ReadAll(message.fds[0].get()).value(), "content");
}

TEST(Message, CutShortIsAnError) {
  ASSERT_OK_AND_ASSIGN(SocketPair pair, MakeSocketPair(SOCK_SEQPACKET));
  ASSERT_OK(SendMessage(pair.ours.get(), "hello"));
  EXPECT_EQ(ReceiveMessage(pair.theirs.get(), 4).error().code(), Code::kDataLoss);
}

TEST(ListenUnix, TakesPathsLongerThanSunPath) {
  const testing::TempDir dir;
  const std::string folder = dir / std::string(120, 'd').c_str();
  ASSERT_OK(EnsureDirectory(folder, 0700));
  ASSERT_OK_AND_ASSIGN(UniqueFd listener, ListenUnix(folder + "/sock", SOCK_STREAM, 0600));
  struct stat info {};
  ASSERT_EQ(::stat((folder + "/sock").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  ASSERT_OK_AND_ASSIGN(UniqueFd client, ConnectUnix(folder + "/sock", SOCK_STREAM));
  ASSERT_OK_AND_ASSIGN(UniqueFd server, Accept(listener.get()));
  EXPECT_EQ(GetPeer(server.get())->uid, ::getuid());
}

TEST(Memfd, CannotBeWritten) {
  ASSERT_OK_AND_ASSIGN(UniqueFd memfd, MakeSealedMemfd("t", "x"));
  EXPECT_EQ(WriteAll(memfd.get(), "y").error().errnum(), EPERM);
}

}  // namespace
}  // namespace estiba::os
