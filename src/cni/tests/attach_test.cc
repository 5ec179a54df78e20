#include "cni/attach.h"

#include <csignal>

#include <unistd.h>

#include "cni/netns.h"
#include "dns/endpoint.h"
#include "plugins.h"

namespace estiba::cni {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

bool Always() { return true; }

// Our own network namespace stands for the container's: the plugins touch nothing.
class AttachTest : public Plugins {
 protected:
  void SetUp() override {
    REQUIRE(::geteuid() == 0, "root");
    Make("good", R"(echo '{"cniVersion":"1.1.0","interfaces":[{"name":"'$CNI_IFNAME'","sandbox":"'$CNI_NETNS'"}],
                 "ips":[{"interface":0,"address":"10.0.0.2/24"}],"dns":{"nameservers":["10.0.0.1"]}}')");
    Make("bad", R"([ $CNI_COMMAND = ADD ] && exit 1; exit 0)");
    records_.emplace(Records::Open(dir_ / "records").value());
  }
  AttachRequest Request(const std::vector<std::string>& plugins) {
    AttachRequest request;
    request.record.container = "c1";
    request.record.netns = dir_ / "netns/c1";
    request.record.bin_dirs = Dirs();
    for (const std::string& plugin : plugins) {
      Attachment& made = request.record.attachments.emplace_back();
      made.invocation.ifname = "eth" + std::to_string(request.record.attachments.size() - 1);
      made.list = ListOf(R"([{"type": ")" + plugin + R"("}])");
      made.file = "/etc/cni/net.d/x.conflist";
    }
    return request;
  }
  Status Run(AttachRequest request) { return Attach(*records_, std::move(request), ::getpid(), Always); }
  std::vector<std::string> Left() { return os::ListDirectory({AT_FDCWD}, dir_ / "records").value(); }

  std::optional<Records> records_;
};

TEST_F(AttachTest, IsRecordedUntilItIsTakenBack) {
  ASSERT_OK(Run(Request({"good", "good"})));
  ASSERT_OK_AND_ASSIGN(const auto record, records_->Read("c1"));
  ASSERT_TRUE(record.has_value());
  ASSERT_EQ(record->attachments.size(), 2U);
  EXPECT_EQ(ToString(record->attachments[1].result->addresses[0].address), "10.0.0.2/24");
  EXPECT_TRUE(HoldsNetns(record->netns));
  ASSERT_OK(CheckAttachments(*records_, "c1"));
  ClearLog();
  ASSERT_OK(Detach(*records_, "c1"));
  EXPECT_EQ(Log(), "good DEL netns eth1\ngood DEL netns eth0\n");
  EXPECT_EQ(Left(), std::vector<std::string>{"all.lock"});
  EXPECT_FALSE(HoldsNetns(record->netns));
  EXPECT_NE(::access(record->netns.c_str(), F_OK), 0);
  ClearLog();
  ASSERT_OK(Detach(*records_, "c1"));
  EXPECT_EQ(Log(), "");
}

TEST_F(AttachTest, AFailureTakesEverythingBack) {
  const Status done = Run(Request({"good", "bad"}));
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().Message(),
            "CNI network 'net' ('/etc/cni/net.d/x.conflist'): plugin 'bad' ADD: exit status 1");
  EXPECT_EQ(Log(), "good ADD netns eth0\nbad ADD netns eth1\nbad DEL netns eth1\ngood DEL netns eth0\n");
  EXPECT_EQ(Left(), std::vector<std::string>{"all.lock"});
  EXPECT_FALSE(HoldsNetns(dir_ / "netns/c1"));
}

TEST_F(AttachTest, WhatCannotBeginIsNotTakenBack) {
  EXPECT_THAT(Run(Request({"good", "missing"})).error().Message(), HasSubstr("plugin 'missing' is in none of"));
  EXPECT_EQ(Log(), "good ADD netns eth0\ngood DEL netns eth0\n");
  EXPECT_EQ(Left(), std::vector<std::string>{"all.lock"});
}

TEST_F(AttachTest, WhatCannotBeTakenBackStaysRecordedUntilItCan) {
  ASSERT_OK(Run(Request({"good"})));
  Make("good", "exit 7");
  EXPECT_THAT(Detach(*records_, "c1").error().Message(), HasSubstr("plugin 'good' DEL: exit status 7"));
  EXPECT_TRUE(HoldsNetns(dir_ / "netns/c1"));
  Make("good", "exit 0");
  ASSERT_OK(Detach(*records_, "c1"));
  EXPECT_EQ(Left(), std::vector<std::string>{"all.lock"});
}

TEST_F(AttachTest, LeftoversGoBeforeTheNextRun) {
  ASSERT_OK(Run(Request({"good"})));
  ClearLog();
  ASSERT_OK(Run(Request({"good"})));
  EXPECT_EQ(Log(), "good DEL netns eth0\ngood ADD netns eth0\n");
  ASSERT_OK(Detach(*records_, "c1"));
}

TEST_F(AttachTest, AnotherRunsAttachmentsAreNotTakenBack) {
  ASSERT_OK(Run(Request({"good"})));
  ASSERT_OK(Detach(*records_, "c1", "another serial"));
  EXPECT_TRUE(records_->Read("c1").value().has_value());
  ASSERT_OK(Detach(*records_, "c1", records_->Read("c1").value()->serial));
  EXPECT_FALSE(records_->Read("c1").value().has_value());
}

TEST_F(AttachTest, NobodyToAttachForLeavesNothing) {
  const Status done = Attach(*records_, Request({"good"}), ::getpid(), [] { return false; });
  EXPECT_EQ(done.error().code(), Code::kCancelled);
  EXPECT_EQ(Log(), "");
  EXPECT_FALSE(records_->Read("c1").value().has_value());
}

TEST_F(AttachTest, WithoutItsNamespaceAPluginIsToldNone) {
  ASSERT_OK(Run(Request({"good"})));
  ASSERT_OK(ReleaseNetns(dir_ / "netns/c1"));  // as after the host was started again
  ClearLog();
  ASSERT_OK(Detach(*records_, "c1"));
  EXPECT_EQ(Log(), "good DEL  eth0\n");
}

TEST_F(AttachTest, AnAddressThatWasAskedForMustCome) {
  AttachRequest request = Request({"good"});
  request.record.attachments[0].invocation.capability_args.Set("ips", std::vector<std::string>{"10.0.0.9/24"});
  EXPECT_THAT(Run(std::move(request)).error().Message(), HasSubstr("address 10.0.0.9 was asked for"));
  EXPECT_FALSE(records_->Read("c1").value().has_value());
}

TEST_F(AttachTest, AddressesComeIntoTheFilesOfNames) {
  AttachRequest request = Request({"good"});
  request.hosts = {dir_ / "hosts", "127.0.0.1\tlocalhost\n", "web"};
  ASSERT_OK(os::ReplaceFile({AT_FDCWD}, request.hosts.path, "old", 0644));
  dns::Endpoint names;
  names.id = "c1";
  names.names = {"web"};
  names.networks.emplace_back();
  names.networks[0].id = "n1";
  names.networks[0].name = "net";
  request.names = {dir_ / "names", dns::Encode(names), true};
  ASSERT_OK_AND_ASSIGN(AttachRequest again, ParseAttachRequest(request.Encode()));
  ASSERT_OK(Run(std::move(again)));
  EXPECT_EQ(os::ReadFile(dir_ / "hosts").value(), "127.0.0.1\tlocalhost\n10.0.0.2\tweb\n");
  const std::string told = os::ReadFile(dir_ / "names").value();
  EXPECT_THAT(told, HasSubstr("network n1 net 10.0.0.2/24\n"));
  EXPECT_THAT(told, HasSubstr("server 10.0.0.1"));
  ASSERT_OK(Detach(*records_, "c1"));
}

TEST_F(AttachTest, EachAddressIsToldWhereItsNetworkStands) {
  Record added;
  Attachment& made = added.attachments.emplace_back();
  made.invocation.ifname = "eth0";
  made.list = ListOf(R"([{"type": "good"}])");
  made.result =
      ParseResult(R"({"ips": [{"address": "10.0.0.2/24"}, {"address": "fd00::2/64"}]})", Version::k100).value();
  dns::Endpoint names;
  names.networks = {{"n0", "before", {}, {}}, {"n1", "net", {}, {"web"}}, {"n2", "behind", {}, {}}};
  FillNames(added, /*ask_theirs=*/false, names);
  ASSERT_EQ(names.networks.size(), 4U);
  EXPECT_EQ(ToString(names.networks[1].address), "10.0.0.2/24");
  EXPECT_EQ(ToString(names.networks[2].address), "fd00::2/64");
  EXPECT_EQ(names.networks[2].aliases, std::vector<std::string>{"web"});
  EXPECT_EQ(names.networks[3].name, "behind");
  // Filled again, as after a rename; and one without addresses has no name there.
  FillNames(added, /*ask_theirs=*/true, names);
  EXPECT_EQ(names.networks.size(), 4U);
  made.result->addresses.clear();
  FillNames(added, /*ask_theirs=*/false, names);
  EXPECT_EQ(names.networks.size(), 2U);
}

TEST_F(AttachTest, GarbageIsWhatNoRecordHas) {
  Make("gc", R"([ $CNI_COMMAND = GC ] && echo "$CONFIG" >>"$LOG"; echo '{}')");
  ASSERT_OK(Run(Request({"gc"})));
  AttachRequest other = Request({"gc"});
  other.record.container = "c2";
  other.record.netns = dir_ / "netns/c2";
  ASSERT_OK(Run(std::move(other)));
  GarbageRequest request;
  request.bin_dirs = Dirs();
  request.networks.push_back(ListOf(R"([{"type": "gc"}])"));
  request.stale.push_back({"c1", records_->Read("c1").value()->serial});
  ClearLog();
  ASSERT_OK_AND_ASSIGN(const GarbageRequest again, ParseGarbageRequest(request.Encode()));
  ASSERT_OK(ClearGarbage(*records_, again));
  EXPECT_THAT(Log(), HasSubstr("gc DEL netns eth0\ngc GC  \n"));
  EXPECT_THAT(Log(), HasSubstr(R"("cni.dev/valid-attachments":[{"containerID":"c2","ifname":"eth0"}])"));
  ASSERT_OK(Detach(*records_, "c2"));
}

TEST_F(AttachTest, PluginsHoldTheContainersLock) {
  // One that outlives its ADD: who comes next waits for it no longer than a plugin may take.
  Make("stays", R"([ $CNI_COMMAND = ADD ] && { sleep 30 >/dev/null 2>&1 & echo $! >"$LOG.pid"; }; echo '{}')");
  ASSERT_OK(Run(Request({"stays"})));
  const auto lock = records_->Lock("c1", 50ms);
  ASSERT_FALSE(lock.ok());
  EXPECT_EQ(lock.error().code(), Code::kUnavailable);
  const std::string pid = os::ReadFile(dir_ / "log.pid").value();
  ASSERT_EQ(::kill(std::stoi(pid), SIGKILL), 0);
  ASSERT_OK(Detach(*records_, "c1"));
}

TEST(Record, ThatIsCutOrStrangeIsRefused) {
  for (const char* text : {"", "[]", "{}", R"({"container": "../x"})", R"({"container": "c", "timeout_ms": 0})",
                           R"({"container": "c", "attachments": [{}]})",
                           R"({"container": "c", "attachments": [{"ifname": "eth0"}]})"}) {
    EXPECT_FALSE(ParseRecord(text).ok()) << text;
  }
}

}  // namespace
}  // namespace estiba::cni
