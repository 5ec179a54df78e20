#include "cni/chain.h"

#include "plugins.h"

namespace estiba::cni {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

class ChainTest : public Plugins {
 protected:
  Surroundings Around(std::chrono::milliseconds timeout = 30s) const { return {Dirs(), timeout, -1, nullptr}; }
  static Invocation Eth0() {
    Invocation invocation;
    invocation.container = "c1";
    invocation.netns = "/run/n";
    invocation.ifname = "eth0";
    return invocation;
  }
  std::string WhyNot(const std::string& plugins, std::chrono::milliseconds timeout = 30s) {
    const auto added = Add(Around(timeout), ListOf(plugins), Eth0());
    return added.ok() ? "it was added" : added.error().Message();
  }
};

constexpr const char* kAddress = R"(echo '{"cniVersion":"1.1.0","ips":[{"address":"10.0.0.2/24"}]}')";

TEST_F(ChainTest, EachPluginHasItsPredecessorsResult) {
  Make("first", kAddress);
  Make("second", R"(case $CONFIG in *'"prevResult":{"cniVersion":"1.1.0","ips":[{"address":"10.0.0.2/24"}]'*) ;;
                    *) exit 1;; esac
                    echo '{"ips":[{"address":"10.0.0.3/24"}]}')");
  ASSERT_OK_AND_ASSIGN(const AddResult result,
                       Add(Around(), ListOf(R"([{"type": "first"}, {"type": "second"}])"), Eth0()));
  EXPECT_EQ(ToString(result.addresses.at(0).address), "10.0.0.3/24");
  EXPECT_EQ(Log(), "first ADD netns eth0\nsecond ADD netns eth0\n");
}

TEST_F(ChainTest, WhatAFailingPluginSaysIsTold) {
  Make("json", R"(echo '{"code": 11, "msg": "try again", "details": "busy"}'; exit 1)");
  Make("text", "echo 'no such thing' >&2; exit 3");
  Make("silent", "exit 4");
  Make("killed", "kill -9 $$");
  Make("garbage", "echo 'hello, world'");
  Make("empty", "exit 0");
  Make("wrong", R"(echo '{"cniVersion":"7.0.0"}')");
  EXPECT_EQ(WhyNot(R"([{"type": "json"}])"), "plugin 'json' ADD: try again: busy (CNI error 11)");
  EXPECT_EQ(WhyNot(R"([{"type": "text"}])"), "plugin 'text' ADD: exit status 3: no such thing");
  EXPECT_EQ(WhyNot(R"([{"type": "silent"}])"), "plugin 'silent' ADD: exit status 4");
  EXPECT_EQ(WhyNot(R"([{"type": "killed"}])"), "plugin 'killed' ADD: it was ended by signal 9");
  EXPECT_THAT(WhyNot(R"([{"type": "garbage"}])"), HasSubstr("plugin 'garbage' ADD: its answer: "));
  EXPECT_EQ(WhyNot(R"([{"type": "empty"}])"), "plugin 'empty' ADD: its answer is empty");
  EXPECT_THAT(WhyNot(R"([{"type": "wrong"}])"), HasSubstr("cniVersion '7.0.0'"));
  EXPECT_EQ(WhyNot(R"([{"type": "missing"}])"), "plugin 'missing' is in none of " + std::string(dir_.path()));
}

TEST_F(ChainTest, OneThatPrintsWithoutEndIsKilled) {
  Make("huge", "exec yes");
  EXPECT_THAT(WhyNot(R"([{"type": "huge"}])"), HasSubstr("it printed more than 1048576 bytes and was killed"));
}

TEST_F(ChainTest, OneThatHangsIsKilledWithItsChildren) {
  Make("hangs", "sleep 1000 & echo $! >\"$LOG.child\"; wait");
  EXPECT_THAT(WhyNot(R"([{"type": "hangs"}])", 1500ms), HasSubstr("it did not answer within 1 s and was killed"));
  ASSERT_OK_AND_ASSIGN(const std::string child, os::ReadFile(std::string(dir_.path()) + "/log.child"));
  // A signal is sent before it is obeyed; and its parent is gone, so it is somebody else's to reap.
  const std::string stat = "/proc/" + child.substr(0, child.size() - 1) + "/stat";
  EXPECT_TRUE(estiba::testing::Eventually([&stat] {
    const auto now = os::ReadFile(stat);
    return !now.ok() || now->find(") Z ") != std::string::npos || now->find(") X ") != std::string::npos;
  })) << os::ReadFile(stat).value();
}

TEST_F(ChainTest, WhatAPluginLeavesRunningIsNotWaitedFor) {
  Make("daemon", std::string("sleep 5 &\n") + kAddress);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(WhyNot(R"([{"type": "daemon"}])"), "it was added");
  EXPECT_LT(std::chrono::steady_clock::now() - start, 4s);
}

TEST_F(ChainTest, NobodyToAddForAddsNothing) {
  Make("first", kAddress);
  Surroundings around = Around();
  around.wanted = [] { return false; };
  const auto added = Add(around, ListOf(R"([{"type": "first"}])"), Eth0());
  ASSERT_FALSE(added.ok());
  EXPECT_EQ(added.error().code(), Code::kCancelled);
  EXPECT_EQ(Log(), "");
}

TEST_F(ChainTest, DeletingGoesBackwardsAndOnAfterAFailure) {
  Make("a", "");
  Make("b", "exit 1");
  Make("c", R"(case $CONFIG in *prevResult*) ;; *) exit 9;; esac)");
  const NetworkList list = ListOf(R"([{"type": "a"}, {"type": "b"}, {"type": "c"}])");
  const Status done = Delete(Around(), list, Eth0(), AddResult{});
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().Message(), "plugin 'b' DEL: exit status 1");
  EXPECT_EQ(Log(), "c DEL netns eth0\nb DEL netns eth0\na DEL netns eth0\n");
}

TEST_F(ChainTest, OldVersionsAreGivenNoResultToDelete) {
  Make("a", R"(case $CONFIG in *prevResult*) exit 9;; esac)");
  ASSERT_OK(Delete(Around(), ListOf(R"([{"type": "a"}])", "0.3.1"), Eth0(), AddResult{}));
  EXPECT_FALSE(Delete(Around(), ListOf(R"([{"type": "a"}])", "0.4.0"), Eth0(), AddResult{}).ok());
}

TEST_F(ChainTest, CheckIsOfVersionsThatHaveItAndMayBeOff) {
  Make("a", "exit 1");
  EXPECT_EQ(Check(Around(), ListOf(R"([{"type": "a"}])", "0.3.1"), Eth0(), {}).error().code(),
            Code::kFailedPrecondition);
  EXPECT_EQ(Log(), "");
  EXPECT_EQ(Check(Around(), ListOf(R"([{"type": "a"}])", "0.4.0"), Eth0(), {}).error().Message(),
            "plugin 'a' CHECK: exit status 1");
  NetworkList off = ListOf(R"([{"type": "a"}])");
  off.disable_check = true;
  ClearLog();
  ASSERT_OK(Check(Around(), off, Eth0(), {}));
  EXPECT_EQ(Log(), "");
}

TEST_F(ChainTest, GarbageIsCollectedFromVersion11On) {
  Make("a", R"(case $CONFIG in *'"cni.dev/valid-attachments":[{"containerID":"c1","ifname":"eth0"}]'*) ;;
               *) exit 9;; esac)");
  ASSERT_OK(CollectGarbage(Around(), ListOf(R"([{"type": "a"}])", "1.0.0"), {}));
  EXPECT_EQ(Log(), "");
  ASSERT_OK(CollectGarbage(Around(), ListOf(R"([{"type": "a"}])"), {{"c1", "eth0"}}));
  EXPECT_EQ(Log(), "a GC  \n");
  NetworkList off = ListOf(R"([{"type": "a"}])");
  off.disable_gc = true;
  ASSERT_OK(CollectGarbage(Around(), off, {}));
}

TEST_F(ChainTest, StatusAsksForTheVersionFirst) {
  Make("new", R"([ $CNI_COMMAND = VERSION ] && echo '{"supportedVersions":["1.0.0","1.1.0"]}' && exit
                 echo '{"code": 50, "msg": "not yet"}'; exit 1)");
  Make("old", R"([ $CNI_COMMAND = VERSION ] && echo '{"supportedVersions":["0.4.0","1.0.0"]}' && exit; exit 1)");
  EXPECT_EQ(AskStatus(Around(), ListOf(R"([{"type": "new"}])")).error().Message(),
            "plugin 'new' STATUS: not yet (CNI error 50)");
  EXPECT_EQ(AskStatus(Around(), ListOf(R"([{"type": "old"}])")).error().Message(),
            "plugin 'old' does not know version 1.1.0 of the specification, only 0.4.0, 1.0.0");
  ASSERT_OK(AskStatus(Around(), ListOf(R"([{"type": "old"}])", "1.0.0")));
}

}  // namespace
}  // namespace estiba::cni
