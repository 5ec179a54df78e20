// With a program in estiba-transfer's place that says nothing and ends when the test lets it.
#include "transfers.h"

#include <fstream>
#include <future>
#include <thread>

#include <sys/stat.h>

#include "tests/support.h"

namespace estiba::engine {
namespace {

class TransfersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::ofstream(dir_ / "program") << "#!/bin/sh\necho started >> " << (dir_ / "starts") << "\nwhile [ ! -e "
                                    << (dir_ / "go") << " ]; do sleep 0.01; done\n";
    ASSERT_EQ(::chmod((dir_ / "program").c_str(), 0755), 0);
    content_.emplace(std::move(store::ContentStore::Open(dir_ / "content")).value());
    snapshots_.emplace(std::move(store::Snapshots::Open(dir_ / "snapshots")).value());
    loop_ = std::move(http::Loop::Create()).value();
    thread_ = std::thread([this] { (void)loop_->Run().ok(); });
    workers_ = std::make_unique<http::Workers>(http::Workers::Options{.threads = 4});
  }
  void TearDown() override {
    LetGo();
    transfers_->Stop();
    workers_->Stop();
    loop_->Stop();
    thread_.join();
  }
  void Open(std::function<void()> before_spawn = {}, std::function<void()> clear = [] {}) {
    transfers_ = std::make_unique<Transfers>(Transfers::Wiring{
        loop_.get(), workers_.get(), &tokens_, &*content_, &*snapshots_, dir_ / "program", std::move(before_spawn),
        dir_ / "snapshots", [](const image::LoadedImage&, const std::string&) { return Ok(); },
        [](const image::PushedTag&) { return Ok(); }, std::move(clear)});
  }
  void LetGo() { std::ofstream(dir_ / "go") << "now"; }
  // The end of a transfer that was begun here.
  std::future<void> Begin(const std::string& key, const std::string& user = {}) {
    auto ended = std::make_shared<std::promise<void>>();
    auto future = ended->get_future();
    ProgressCallbacks callbacks;
    callbacks.line = [](std::string_view) {};
    callbacks.done = [ended](const Status&) { ended->set_value(); };
    image::TransferJob job;
    job.auth.username = user;
    EXPECT_TRUE(transfers_->Start(key, std::move(job), {}, std::move(callbacks)).ok());
    return future;
  }
  std::size_t Starts() {
    std::ifstream file(dir_ / "starts");
    std::size_t count = 0;
    for (std::string line; std::getline(file, line);) ++count;
    return count;
  }

  const testing::TempDir dir_;
  std::optional<store::ContentStore> content_;
  std::optional<store::Snapshots> snapshots_;
  std::unique_ptr<http::Loop> loop_;
  std::thread thread_;
  std::unique_ptr<http::Workers> workers_;
  Tokens tokens_;
  std::unique_ptr<Transfers> transfers_;
};

TEST_F(TransfersTest, WorkForIdleTimesIsRefusedFromTheMomentATransferIsAskedFor) {
  bool ran = false;
  bool refused = false;
  Open([&] { refused = !transfers_->WhenIdle([&] { ran = true; }); });
  const auto ended = Begin("a");
  EXPECT_TRUE(refused);
  EXPECT_FALSE(ran);
}

TEST_F(TransfersTest, WhoWasRefusedIsCalledAfterTheLastEnd) {
  std::promise<void> cleared;
  Open({}, [&] { cleared.set_value(); });
  const auto ended = Begin("a");
  EXPECT_FALSE(transfers_->WhenIdle([] {}));
  LetGo();
  EXPECT_EQ(cleared.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
}

TEST_F(TransfersTest, NoTransferBeginsWhileTheWorkGoesOn) {
  std::promise<void> spawning;
  auto began = spawning.get_future();
  Open([&] { spawning.set_value(); });
  std::thread asker;
  EXPECT_TRUE(transfers_->WhenIdle([&] {
    asker = std::thread([&] { (void)Begin("a"); });
    EXPECT_EQ(began.wait_for(std::chrono::milliseconds(100)), std::future_status::timeout);
  }));
  EXPECT_EQ(began.wait_for(std::chrono::seconds(20)), std::future_status::ready);
  asker.join();
}

TEST_F(TransfersTest, OneReferenceIsPulledOnceHoweverManyAskAtOnce) {
  std::future<void> second;
  bool nested = false;
  Open([&] {
    if (std::exchange(nested, true)) return;
    second = Begin("a");  // asked for while the first is being started
  });
  const auto first = Begin("a");
  LetGo();
  first.wait();
  EXPECT_EQ(second.wait_for(std::chrono::seconds(20)), std::future_status::ready);
  EXPECT_EQ(Starts(), 1U);
}

TEST_F(TransfersTest, OnlyTheSameCredentialsShareAPull) {
  Open();
  const auto one = Begin("a", "me");
  const auto same = Begin("a", "me");
  const auto other = Begin("a", "you");
  const auto nobody = Begin("a");
  LetGo();
  for (const auto* ended : {&one, &same, &other, &nobody}) ended->wait();
  EXPECT_EQ(Starts(), 3U);
}

TEST_F(TransfersTest, WhoJoinedOneThatCannotBeStartedHearsOfIt) {
  std::future<void> second;
  bool nested = false;
  Open([&] {
    if (std::exchange(nested, true)) return;
    second = Begin("a");
    ASSERT_EQ(::unlink((dir_ / "program").c_str()), 0);
  });
  ProgressCallbacks callbacks;
  callbacks.line = [](std::string_view) {};
  callbacks.done = [](const Status&) { ADD_FAILURE() << "the answer of Start() has said it"; };
  EXPECT_FALSE(transfers_->Start("a", {}, {}, std::move(callbacks)).ok());
  EXPECT_EQ(second.wait_for(std::chrono::seconds(20)), std::future_status::ready);
  EXPECT_TRUE(transfers_->Idle());
}

}  // namespace
}  // namespace estiba::engine
