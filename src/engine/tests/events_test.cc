// Who hears of what, and in which order.
#include "events.h"

#include <thread>

#include "tests/support.h"

namespace estiba::engine {
namespace {

TEST(Events, AllAreHeardInTheirOrderThoughSeveralThreadsPublishAtOnce) {
  constexpr std::size_t kEach = 20'000;
  ASSERT_OK_AND_ASSIGN(const auto loop, http::Loop::Create());
  Tokens tokens;
  Events events(loop.get(), &tokens);
  std::vector<std::size_t> heard(2, 0);
  bool in_order = true;
  EventsCallbacks callbacks;
  callbacks.event = [&](const apitypes::Event& event) {
    std::size_t& last = heard[event.type == "volume" ? 1 : 0];
    in_order = in_order && event.actor_id == std::to_string(last);
    ++last;
    if (heard[0] + heard[1] == 2 * kEach) loop->Stop();
  };
  ASSERT_OK(events.Subscribe({}, std::move(callbacks)));
  loop->AddTimer(std::chrono::seconds(60), [&] { loop->Stop(); });
  const auto publish = [&](const char* type) {
    for (std::size_t i = 0; i < kEach; ++i) events.Publish(type, "create", std::to_string(i), {});
  };
  std::thread one(publish, "network"), other(publish, "volume");
  ASSERT_OK(loop->Run());
  one.join();
  other.join();
  EXPECT_EQ(heard[0], kEach);
  EXPECT_EQ(heard[1], kEach);
  EXPECT_TRUE(in_order);
}

}  // namespace
}  // namespace estiba::engine
