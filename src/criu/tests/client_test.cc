// The conversation, with a shell script in CRIU's place.

#include "criu/client.h"

#include <fcntl.h>

#include "os/file.h"
#include "tests/support.h"

namespace estiba::criu {
namespace {

class CriuClient : public ::testing::Test {
 protected:
  // A program that does this with its socket, descriptor 3: `get` reads a message, `say BYTES` sends one.
  std::string Program(const std::string& script) {
    const std::string path = dir_ / "criu";
    const std::string text = "#!/usr/bin/python3\nimport os, socket, sys\npeer = socket.socket(fileno=3)\n"
                             "get = lambda: peer.recv(4096)\nsay = lambda *b: peer.send(bytes(b))\n" + script;
    EXPECT_TRUE(os::ReplaceFile({AT_FDCWD}, path, text, 0755).ok());
    return path;
  }
  testing::TempDir dir_;
};

TEST_F(CriuClient, AVersionIsAskedFor) {
  const std::string program =
      Program("assert sys.argv[1:] == ['swrk', '3'] and get() == b'\\x08\\x0a'\n"
              "say(8, 10, 16, 1, 82, 4, 8, 4, 16, 1)\n");
  ASSERT_OK_AND_ASSIGN(const Version version, AskVersion(program));
  EXPECT_EQ(version.Text(), "4.1");
}

TEST_F(CriuClient, NotificationsAreAnsweredUntilTheReply) {
  const std::string program = Program(
      "get()\nsay(8, 6, 16, 1, 42, 3, 10, 1, 97)\nassert get() == b'\\x08\\x06\\x18\\x01'\n"
      "say(8, 2, 16, 1, 34, 2, 8, 9)\n");
  ASSERT_OK_AND_ASSIGN(Worker worker, Worker::Start(program));
  std::vector<std::string> told;
  ASSERT_OK_AND_ASSIGN(const Reply reply,
                       worker.Ask({.type = Type::kRestore}, [&](const Reply& notification, os::UniqueFd) {
                         told.push_back(notification.script);
                         return Ok();
                       }));
  EXPECT_EQ(told, std::vector<std::string>{"a"});
  EXPECT_EQ(reply.pid, 9);
  EXPECT_TRUE(worker.Finish().ok());
}

TEST_F(CriuClient, AFailedNotificationIsSaidAndIsTheError) {
  const std::string program = Program(
      "get()\nsay(8, 6, 16, 1, 42, 3, 10, 1, 97)\nassert get() == b'\\x08\\x06\\x18\\x00'\nsay(8, 2, 16, 0)\n");
  ASSERT_OK_AND_ASSIGN(Worker worker, Worker::Start(program));
  const auto reply = worker.Ask({.type = Type::kRestore}, [](const Reply&, os::UniqueFd) -> Status {
    return Error(Code::kInternal, "the hook failed");
  });
  ASSERT_FALSE(reply.ok());
  EXPECT_EQ(reply.error().Message(), "a: the hook failed");
  EXPECT_TRUE(worker.Finish().ok());
}

TEST_F(CriuClient, ARefusalAndASuddenEnd) {
  ASSERT_OK_AND_ASSIGN(Worker refusing, Worker::Start(Program("get()\nsay(8, 1, 16, 0, 56, 2)\n")));
  EXPECT_EQ(refusing.Ask({.type = Type::kDump}).error().Message(), "CRIU's dump failed (errno 2)");
  ASSERT_OK_AND_ASSIGN(Worker ending, Worker::Start(Program("get()\nsys.exit(3)\n")));
  EXPECT_EQ(ending.Ask({.type = Type::kDump}).error().Message(), "CRIU ended without an answer");
  EXPECT_EQ(ending.Finish().error().Message(), "CRIU ended with exit code 3");
}

}  // namespace
}  // namespace estiba::criu
