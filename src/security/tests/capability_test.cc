#include "security/capability.h"

#include <gmock/gmock.h>

#include <linux/capability.h>

#include "tests/support.h"

namespace estiba::security {
namespace {

using ::testing::ElementsAre;

TEST(Capability, NamesAndNumbersAreTheKernels) {
  EXPECT_STREQ(CapabilityName(CAP_SYS_ADMIN), "CAP_SYS_ADMIN");
  EXPECT_STREQ(CapabilityName(CAP_CHECKPOINT_RESTORE), "CAP_CHECKPOINT_RESTORE");
  EXPECT_EQ(CapabilityName(41), nullptr);
  for (unsigned number = 0; number <= kLastCapability; ++number) {
    ASSERT_OK_AND_ASSIGN(const unsigned parsed, ParseCapability(CapabilityName(number)));
    EXPECT_EQ(parsed, number);
  }
}

TEST(Capability, ThePrefixAndTheCaseDoNotMatter) {
  ASSERT_OK_AND_ASSIGN(const unsigned a, ParseCapability("net_admin"));
  ASSERT_OK_AND_ASSIGN(const unsigned b, ParseCapability("cap_Net_Admin"));
  EXPECT_EQ(a, b);
  EXPECT_FALSE(ParseCapability("CAP_FLY").ok());
}

TEST(Capability, UnknownNamesAreCollectedWhenAskedFor) {
  std::vector<std::string> unknown;
  ASSERT_OK_AND_ASSIGN(const auto set, ParseCapabilities({"CAP_KILL", "CAP_FLY"}, &unknown));
  EXPECT_EQ(set, CapabilityBit(CAP_KILL));
  EXPECT_THAT(unknown, ElementsAre("CAP_FLY"));
}

TEST(Capability, DockersDefaultSetHasFourteen) {
  EXPECT_THAT(CapabilityNames(DefaultCapabilities()),
              ElementsAre("CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
                          "CAP_SETUID", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SYS_CHROOT",
                          "CAP_MKNOD", "CAP_AUDIT_WRITE", "CAP_SETFCAP"));
}

TEST(Capability, AddAndDropAreDockers) {
  const auto tweak = [](std::vector<std::string> add, std::vector<std::string> drop) {
    return CapabilityNames(*TweakCapabilities(CapabilityBit(CAP_KILL) | CapabilityBit(CAP_CHOWN), add, drop));
  };
  EXPECT_THAT(tweak({}, {}), ElementsAre("CAP_CHOWN", "CAP_KILL"));
  EXPECT_THAT(tweak({"NET_ADMIN"}, {"KILL"}), ElementsAre("CAP_CHOWN", "CAP_NET_ADMIN"));
  EXPECT_THAT(tweak({"NET_ADMIN"}, {"all"}), ElementsAre("CAP_NET_ADMIN"));
  EXPECT_EQ(tweak({"ALL"}, {"SYS_ADMIN"}).size(), kLastCapability);
  EXPECT_THAT(tweak({}, {"ALL"}), ElementsAre());
  EXPECT_FALSE(TweakCapabilities(0, {"NOPE"}, {}).ok());
}

}  // namespace
}  // namespace estiba::security
