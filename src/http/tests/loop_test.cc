#include "http/loop.h"

#include <thread>

#include <sys/epoll.h>
#include <unistd.h>

#include "os/fd.h"
#include "tests/support.h"

namespace estiba::http {
namespace {

using namespace std::chrono_literals;

TEST(Loop, TimersFireInOrderAndACancelledOneDoesNot) {
  ASSERT_OK_AND_ASSIGN(const auto loop, Loop::Create());
  std::string order;
  loop->AddTimer(3ms, [&] {
    order += "c";
    loop->Stop();
  });
  loop->AddTimer(1ms, [&] { order += "a"; });
  const auto cancelled = loop->AddTimer(2ms, [&] { order += "b"; });
  loop->CancelTimer(cancelled);
  loop->CancelTimer(cancelled);
  ASSERT_OK(loop->Run());
  EXPECT_EQ(order, "ac");
}

TEST(Loop, PostWakesItFromAnotherThread) {
  ASSERT_OK_AND_ASSIGN(const auto loop, Loop::Create());
  bool on_loop = false;
  std::thread poster([&] {
    loop->Post([&] {
      on_loop = loop->InThread();
      loop->Stop();
    });
  });
  ASSERT_OK(loop->Run());
  poster.join();
  EXPECT_TRUE(on_loop);
  EXPECT_FALSE(loop->InThread());
}

TEST(Loop, ACallbackMayRemoveItselfAndOthers) {
  ASSERT_OK_AND_ASSIGN(const auto loop, Loop::Create());
  ASSERT_OK_AND_ASSIGN(const os::Pipe a, os::MakePipe());
  ASSERT_OK_AND_ASSIGN(const os::Pipe b, os::MakePipe());
  ASSERT_EQ(::write(a.write.get(), "x", 1), 1);
  ASSERT_EQ(::write(b.write.get(), "x", 1), 1);
  int calls = 0;
  const auto remove_both = [&](std::uint32_t) {
    ++calls;
    loop->RemoveFd(a.read.get());
    loop->RemoveFd(b.read.get());
    loop->Post([&] { loop->Stop(); });
  };
  ASSERT_OK(loop->AddFd(a.read.get(), EPOLLIN, remove_both));
  ASSERT_OK(loop->AddFd(b.read.get(), EPOLLIN, remove_both));
  ASSERT_OK(loop->Run());
  EXPECT_EQ(calls, 1);
}

TEST(Loop, WhatIsPostedAfterTheEndIsDropped) {
  ASSERT_OK_AND_ASSIGN(const auto loop, Loop::Create());
  loop->Stop();
  ASSERT_OK(loop->Run());
  auto token = std::make_shared<int>(1);
  loop->Post([token] {});
  EXPECT_EQ(token.use_count(), 1);
}

}  // namespace
}  // namespace estiba::http
