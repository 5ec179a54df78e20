#include "network_drivers.h"

#include <gmock/gmock.h>

#include "tests/support.h"

namespace estiba::engine {
namespace {

using ::testing::HasSubstr;

NetworkRecord Record(const std::string& driver, std::map<std::string, std::string> options, const char* id = "a") {
  NetworkRecord record;
  record.id = std::string(64, id[0]);
  record.driver = driver;
  record.options = std::move(options);
  return record;
}

TEST(NetworkDrivers, OptionsOfOthersAndValuesNobodyKnowsAreRefused) {
  const std::pair<NetworkRecord, const char*> refused[] = {
      {Record("macvlan", {{"ipvlan_mode", "l2"}}), "'ipvlan_mode' is not supported by driver macvlan"},
      {Record("macvlan", {{"macvlan_mode", "x"}}), "requested macvlan mode 'x' is not valid, 'bridge' mode is the"},
      {Record("ipvlan", {{"ipvlan_flag", "x"}}), "requested ipvlan flag 'x' is not valid, 'bridge' flag is the"},
      {Record("ipvlan", {{"mtu", "67"}}), "invalid mtu '67'"},
      {Record("ipvlan", {{"parent", "lo"}}), "loopback interface is not a valid ipvlan parent link"}};
  for (const auto& [wanted, words] : refused) {
    NetworkRecord record = wanted;
    EXPECT_THAT(ReadDriverOptions(record).error().Message(), HasSubstr(words));
  }
}

TEST(NetworkDrivers, WithoutAParentItIsADummyOfItsOwnAndLeadsNowhere) {
  NetworkRecord record = Record("macvlan", {});
  ASSERT_OK(ReadDriverOptions(record));
  EXPECT_TRUE(record.internal);
  EXPECT_EQ(ParentOf(record), "dm-aaaaaaaaaaaa");
  EXPECT_EQ(ParentOf(Record("ipvlan", {})), "di-aaaaaaaaaaaa");
  const plan::Upper upper = PlanUpper({}, record);
  ASSERT_TRUE(upper.make.has_value());
  EXPECT_EQ(upper.make->base, "");
}

TEST(NetworkDrivers, AParentIsSharedButForPassthru) {
  const auto plain = std::make_shared<const NetworkRecord>(Record("macvlan", {{"parent", "eth0"}}, "b"));
  const auto alone = std::make_shared<const NetworkRecord>(
      Record("macvlan", {{"parent", "eth1"}, {"macvlan_mode", "passthru"}}, "c"));
  const NetworkList others = {plain, alone};
  ASSERT_OK(CheckParentIsFree(Record("macvlan", {{"parent", "eth0"}}), others));
  const NetworkRecord passthru = Record("macvlan", {{"parent", "eth0"}, {"mode", "passthru"}});
  EXPECT_THAT(CheckParentIsFree(passthru, others).error().Message(),
              HasSubstr("cannot use mode passthru, macvlan network b"));
  EXPECT_THAT(CheckParentIsFree(Record("macvlan", {{"parent", "eth1"}}), others).error().Message(),
              HasSubstr("is already using parent interface eth1 in mode passthru"));
}

TEST(NetworkDrivers, APlanHasTheModesAsTheKernelNumbersThem) {
  Endpoint endpoint;
  endpoint.id = "0123456789abcdef";
  endpoint.mac = net::ParseMac("02:00:00:00:00:01").value();
  const NetworkRecord l3 = Record("ipvlan", {{"parent", "eth0.10"}, {"ipvlan_mode", "l3"}, {"ipvlan_flag", "vepa"}});
  const plan::Upper upper = PlanUpper(endpoint, l3);
  EXPECT_EQ(upper.make->vlan, 10U);
  EXPECT_EQ(upper.link.mode, 1U);
  EXPECT_EQ(upper.link.flag, 2U);
  EXPECT_EQ(upper.link.mark, "estiba 0123456789ab");
  EXPECT_FALSE(upper.link.mac.has_value());
  EXPECT_TRUE(RoutesByDevice(l3));
  const plan::Upper macvlan = PlanUpper(endpoint, Record("macvlan", {{"parent", "eth0"}, {"macvlan_mode", "private"}}));
  EXPECT_FALSE(macvlan.make.has_value());
  EXPECT_EQ(macvlan.link.mac, endpoint.mac);
  EXPECT_EQ(macvlan.link.mode, 1U);
}

}  // namespace
}  // namespace estiba::engine
