#include "spec/id_maps.h"

#include <gmock/gmock.h>

#include "tests/support.h"

namespace estiba::engine {
namespace {

using ::testing::HasSubstr;

bool operator==(const oci::IdMapping& a, const oci::IdMapping& b) {
  return a.container_id == b.container_id && a.host_id == b.host_id && a.size == b.size;
}

TEST(IdMap, IsWrittenAsPodmanDoes) {
  ASSERT_OK_AND_ASSIGN(const IdMaps maps, ParseIdMap("uids=0-1000-1#1-2000-10;gids=5-6-7", nullptr));
  ASSERT_EQ(maps.uids.size(), 2U);
  EXPECT_TRUE(maps.uids[1] == (oci::IdMapping{1, 2000, 10}));
  ASSERT_EQ(maps.gids.size(), 1U);
  EXPECT_TRUE(maps.gids[0] == (oci::IdMapping{5, 6, 7}));
}

TEST(IdMap, TheHalfThatIsLeftAwayStaysAsItIs) {
  ASSERT_OK_AND_ASSIGN(const IdMaps maps, ParseIdMap("uids=0-1-1", nullptr));
  EXPECT_TRUE(maps.gids.at(0) == (oci::IdMapping{0, 0, UINT32_MAX}));
}

TEST(IdMap, RelativeRangesAreTheContainers) {
  const IdMaps container{{{0, 100000, 1000}, {1000, 7, 1}}, {{0, 200000, 1000}}};
  ASSERT_OK_AND_ASSIGN(const IdMaps maps, ParseIdMap("uids=@0-5-10#@50-1000-1;gids=@0-0-1000", &container));
  EXPECT_EQ(maps.uids[0].host_id, 100005U);
  EXPECT_EQ(maps.uids[1].host_id, 7U);
  EXPECT_EQ(maps.gids[0].host_id, 200000U);
  EXPECT_FALSE(ParseIdMap("uids=@0-995-10", &container).ok());
  const IdMaps none;
  const auto without = ParseIdMap("uids=@0-0-1", &none);
  ASSERT_FALSE(without.ok());
  EXPECT_THAT(without.error().Message(), HasSubstr("no user namespace"));
}

TEST(IdMap, NonsenseIsRefused) {
  for (const char* bad : {"", "uids", "uids=", "uids=1-2", "uids=a-b-c", "uids=0-0-0", "uids=1-1-4294967295", "x=0-0-1",
                          "uids=0-0-1;uids=5-5-1", "uids=0-0-9#5-50-1", "uids=0-0-9#50-5-1", "uids=-1-0-1"}) {
    EXPECT_FALSE(ParseIdMap(bad, nullptr).ok()) << bad;
  }
  std::string many = "uids=0-0-1";
  for (int i = 1; i < 400; ++i) many += "#" + std::to_string(i) + "-" + std::to_string(i) + "-1";
  EXPECT_FALSE(ParseIdMap(many, nullptr).ok());
}

TEST(Userns, ModesAndTheirOptions) {
  ASSERT_OK_AND_ASSIGN(const UsernsRequest sized, ParseUserns("auto:size=2000"));
  EXPECT_EQ(sized.kind, UsernsRequest::Kind::kAuto);
  EXPECT_EQ(sized.size, 2000U);
  ASSERT_OK_AND_ASSIGN(const UsernsRequest maps, ParseUserns("map:uidmapping=0:100000:10"));
  EXPECT_TRUE(maps.maps.gids.at(0) == maps.maps.uids.at(0));
  EXPECT_TRUE(ParseUserns("").value().kind == UsernsRequest::Kind::kDefault);
  for (const char* bad : {"auto:", "auto:size=0", "auto:size=x", "auto:colour=red", "keep-id", "map:", "container:x",
                          "map:uidmapping=1:5:5", "map:uidmapping=0:1", "map:uidmapping=0:1:1,uidmapping=0:5:1"}) {
    EXPECT_FALSE(ParseUserns(bad).ok()) << bad;
  }
}

TEST(FreeIds, AreTheFirstThatNobodyHas) {
  const IdPool pool{1000, 300};
  const auto range = [](std::uint32_t first, std::uint32_t count) {
    return IdMaps{{{0, first, count}}, {{0, first, count}}};
  };
  EXPECT_EQ(FindFreeIds(pool, 100, {}).value().uids[0].host_id, 1000U);
  EXPECT_EQ(FindFreeIds(pool, 100, {range(1000, 100)}).value().uids[0].host_id, 1100U);
  EXPECT_EQ(FindFreeIds(pool, 100, {range(1100, 50), range(1000, 50)}).value().uids[0].host_id, 1150U);
  EXPECT_EQ(FindFreeIds(pool, 50, {range(1100, 50), range(1000, 50)}).value().uids[0].host_id, 1050U);
  EXPECT_EQ(FindFreeIds(pool, 100, {range(5, 10), range(900, 150)}).value().gids[0].host_id, 1050U);
  const auto none = FindFreeIds(pool, 200, {range(1150, 10)});
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().code(), Code::kResourceExhausted);
}

}  // namespace
}  // namespace estiba::engine
