#include "containers/boot_order.h"

#include "tests/support.h"

namespace estiba::engine {
namespace {

using Order = std::vector<std::vector<std::string>>;

TEST(BootOrder, WhoIsNeededComesFirst) {
  EXPECT_EQ(BootOrder({{"web", {"app", "cache"}}, {"app", {"db"}}, {"db", {}}, {"cache", {}}}),
            (Order{{"db", "cache"}, {"app"}, {"web"}}));
}

TEST(BootOrder, WhoDoesNotComeBackHoldsNobodyUp) {
  EXPECT_EQ(BootOrder({{"web", {"gone"}}}), (Order{{"web"}}));
  EXPECT_TRUE(BootOrder({}).empty());
}

TEST(BootOrder, CirclesComeLastAndTogether) {
  EXPECT_EQ(BootOrder({{"a", {"b"}}, {"b", {"a"}}, {"on", {"a"}}, {"alone", {}}, {"self", {"self"}}}),
            (Order{{"alone"}, {"a", "b", "on", "self"}}));
}

TEST(ComposeNeeds, AreTheLabelsServices) {
  EXPECT_EQ(ComposeNeeds("db:service_healthy:true,cache:service_started:false,plain"),
            (std::vector<std::string>{"db", "cache", "plain"}));
  EXPECT_TRUE(ComposeNeeds("").empty());
}

}  // namespace
}  // namespace estiba::engine
