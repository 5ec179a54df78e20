// The driver against a manager that says what the test has written down.

#include "cgroup/systemd.h"

#include <sys/socket.h>
#include <unistd.h>

#include <deque>
#include <thread>

#include "os/socket.h"
#include "tests/support.h"

namespace estiba::cgroup {
namespace {

using std::chrono::milliseconds;

std::string Words(std::initializer_list<std::string> words) {
  DbusWriter out;
  for (const std::string& word : words) {
    out.Align(4);
    out.String(word);
  }
  return std::move(out).Take();
}

DbusMessage Return(const char* signature = "", std::string body = "") {
  DbusMessage answer;
  answer.type = DbusType::kReturn;
  answer.signature = signature;
  answer.body = std::move(body);
  return answer;
}

DbusMessage Refuse(const std::string& name) {
  DbusMessage answer = Return("s", Words({"because"}));
  answer.type = DbusType::kError;
  answer.error_name = "org.freedesktop.systemd1." + name;
  return answer;
}

DbusMessage JobRemoved(const std::string& job, const std::string& result) {
  DbusMessage signal;
  signal.type = DbusType::kSignal;
  signal.path = "/org/freedesktop/systemd1";
  signal.interface = "org.freedesktop.systemd1.Manager";
  signal.member = "JobRemoved";
  signal.signature = "uoss";
  DbusWriter body;
  body.U32(1);
  for (const std::string& word : {job, std::string("web.scope"), result}) {
    body.Align(4);
    body.String(word);
  }
  signal.body = std::move(body).Take();
  return signal;
}

// Answers each call with the next of its messages; signals among them go out behind the answer before.
class Manager {
 public:
  explicit Manager(std::deque<DbusMessage> script, bool greet = true) : script_(std::move(script)) {
    auto pair = os::MakeSocketPair(SOCK_STREAM);
    ours_ = std::move(pair->ours);
    theirs_ = std::move(pair->theirs);
    thread_ = std::thread([this, greet] { Serve(greet); });
  }
  ~Manager() {
    if (thread_.joinable()) thread_.join();
  }
  os::UniqueFd TakeSocket() { return std::move(ours_); }
  // Once the other side has closed.
  const std::vector<DbusMessage>& Calls() {
    thread_.join();
    return calls_;
  }

 private:
  void Say(const std::string& bytes) { (void)!::send(theirs_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  bool Hear() {
    char chunk[4096];
    const ssize_t n = ::recv(theirs_.get(), chunk, sizeof chunk, 0);
    if (n > 0) heard_.append(chunk, static_cast<std::size_t>(n));
    return n > 0;
  }
  bool HearLine(const std::string& line) {
    while (heard_.find(line) == std::string::npos)
      if (!Hear()) return false;
    heard_.erase(0, heard_.find(line) + line.size());
    return true;
  }
  void Serve(bool greet) {
    if (!HearLine("AUTH EXTERNAL\r\n")) return;
    Say(greet ? "DATA\r\n" : "REJECTED EXTERNAL\r\n");
    if (!HearLine("DATA\r\n")) return;
    Say("OK 0123\r\n");
    if (!HearLine("BEGIN\r\n")) return;
    for (;;) {
      const auto size = DbusSize(heard_);
      if (size.ok() && *size != 0 && heard_.size() >= *size) {
        Answer(*DecodeDbus(heard_.substr(0, *size)));
        heard_.erase(0, *size);
      } else if (!Hear()) {
        return;
      }
    }
  }
  void Answer(const DbusMessage& call) {
    calls_.push_back(call);
    bool answered = false;
    while (!script_.empty()) {
      DbusMessage next = script_.front();
      if (next.type != DbusType::kSignal && answered) return;
      script_.pop_front();
      if (next.type != DbusType::kSignal) {
        next.reply_to = call.serial;
        answered = true;
      }
      Say(EncodeDbus(next));
    }
  }

  std::deque<DbusMessage> script_;
  os::UniqueFd ours_, theirs_;
  std::string heard_;
  std::vector<DbusMessage> calls_;
  std::thread thread_;
};

std::vector<std::string> Members(const std::vector<DbusMessage>& calls) {
  std::vector<std::string> members;
  for (const DbusMessage& call : calls) members.push_back(call.member);
  return members;
}

TEST(Systemd, StartsAScopeAndWaitsForItsJob) {
  Manager manager({Return(), Return("o", Words({"/job/5"})), JobRemoved("/job/4", "failed"),
                   JobRemoved("/job/5", "done")});
  {
    ASSERT_OK_AND_ASSIGN(Systemd systemd, Systemd::Over(manager.TakeSocket(), false));
    EXPECT_TRUE(systemd.StartScope("web.scope", {"Slice='a.slice'", "Delegate=true", "MemoryMax=uint64 5"}, 42).ok());
  }
  const auto& calls = manager.Calls();
  ASSERT_EQ(Members(calls), (std::vector<std::string>{"Subscribe", "StartTransientUnit"}));
  EXPECT_EQ(calls[1].signature, "ssa(sv)a(sa(sv))");
  for (const char* part : {"web.scope", "replace", "Slice", "a.slice", "Delegate", "MemoryMax", "PIDs"})
    EXPECT_NE(calls[1].body.find(part), std::string::npos) << part;
}

TEST(Systemd, AJobThatFailsIsTold) {
  Manager manager({Return(), JobRemoved("/job/5", "failed"), Return("o", Words({"/job/5"}))});
  ASSERT_OK_AND_ASSIGN(Systemd systemd, Systemd::Over(manager.TakeSocket(), false));
  const Status started = systemd.StartScope("web.scope", {}, 42);
  ASSERT_FALSE(started.ok());
  EXPECT_NE(started.error().Message().find("start unit 'web.scope': systemd says 'failed'"), std::string::npos);
}

TEST(Systemd, AUnitThatFailedEarlierIsForgotten) {
  Manager manager({Return(), Refuse("UnitExists"), Return(), Return("o", Words({"/job/5"})),
                   JobRemoved("/job/5", "done")});
  {
    ASSERT_OK_AND_ASSIGN(Systemd systemd, Systemd::Over(manager.TakeSocket(), false));
    EXPECT_TRUE(systemd.StartScope("web.scope", {}, 42).ok());
  }
  EXPECT_EQ(Members(manager.Calls()), (std::vector<std::string>{"Subscribe", "StartTransientUnit", "ResetFailedUnit",
                                                                "StartTransientUnit"}));
}

TEST(Systemd, AMessageBusIsGreetedAndAskedForSignals) {
  Manager manager({Return("s", Words({":1.5"})), Return(), Return(), Return("o", Words({"/job/5"})),
                   JobRemoved("/job/5", "done")});
  {
    ASSERT_OK_AND_ASSIGN(Systemd systemd, Systemd::Over(manager.TakeSocket(), true));
    EXPECT_TRUE(systemd.StartScope("web.scope", {}, 42).ok());
  }
  EXPECT_EQ(Members(manager.Calls()),
            (std::vector<std::string>{"Hello", "AddMatch", "Subscribe", "StartTransientUnit"}));
}

TEST(Systemd, WhatIsGoneIsStopped) {
  Manager manager({Refuse("NoSuchUnit"), Refuse("NoSuchUnit")});
  ASSERT_OK_AND_ASSIGN(Systemd systemd, Systemd::Over(manager.TakeSocket(), false));
  EXPECT_TRUE(systemd.StopUnit("web.scope").ok());
}

TEST(Systemd, ARefusalNamesItsReason) {
  Manager manager({Refuse("AccessDenied")});
  ASSERT_OK_AND_ASSIGN(Systemd systemd, Systemd::Over(manager.TakeSocket(), false));
  const Status done = systemd.SetProperties("web.scope", {"TasksMax=uint64 5"});
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code(), Code::kPermissionDenied);
  EXPECT_NE(done.error().Message().find("because"), std::string::npos);
}

TEST(Systemd, TheManagersCgroup) {
  DbusWriter body;
  body.Boxed({.type = "s", .number = 0, .text = "/user.slice/me", .items = {}});
  Manager manager({Return("v", std::move(body).Take())});
  ASSERT_OK_AND_ASSIGN(Systemd systemd, Systemd::Over(manager.TakeSocket(), false));
  ASSERT_OK_AND_ASSIGN(const std::string group, systemd.ControlGroup());
  EXPECT_EQ(group, "/user.slice/me");
}

TEST(Systemd, ARejectedGreetingAndSilenceHaveAnEnd) {
  Manager refuses({}, /*greet=*/false);
  EXPECT_FALSE(Systemd::Over(refuses.TakeSocket(), false).ok());
  Manager silent({});
  ASSERT_OK_AND_ASSIGN(Systemd systemd, Systemd::Over(silent.TakeSocket(), false, milliseconds(20)));
  const Status done = systemd.Attach("web.scope", 42);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code(), Code::kDeadlineExceeded);
}

}  // namespace
}  // namespace estiba::cgroup
