// Forwarding switched on and put back, setting by setting, also by whoever comes after somebody who was killed.

#include "net/forwarding.h"

#include <fcntl.h>

#include "base/text.h"
#include "os/file.h"
#include "tests/fake_net.h"
#include "tests/support.h"

namespace estiba::net {
namespace {

std::string Path(const std::string& setting) { return "/proc/sys/net/" + setting; }
std::string Get(const std::string& setting) {
  const auto text = os::ReadFile(Path(setting), 64);
  return text.ok() ? std::string(Trim(*text)) : "none";
}
void Set(const std::string& setting, const char* value) {
  ASSERT_OK(os::WriteExisting({AT_FDCWD}, Path(setting), value));
}
bool Recorded(const estiba::testing::TempDir& folder, const char* file) {
  return os::ReadFile(folder / file, 4096).ok();
}

class Forwarding : public testing::NetworkTest {};

TEST_F(Forwarding, PutsBackEverySettingThatItChanged) {
  InFreshNetwork([] {
    const estiba::testing::TempDir folder;
    Set("ipv4/ip_forward", "0");
    Set("ipv4/conf/lo/forwarding", "1");
    Set("ipv4/conf/all/accept_redirects", "1");
    ASSERT_OK(EnsureForwarding(folder.path(), Family::kIpv4));
    EXPECT_EQ(Get("ipv4/ip_forward") + Get("ipv4/conf/default/forwarding"), "11");
    EXPECT_TRUE(ForwardingIsOurs(folder.path(), Family::kIpv4));
    ASSERT_OK(PutForwardingBack(folder.path(), Family::kIpv4));
    EXPECT_EQ(Get("ipv4/ip_forward") + Get("ipv4/conf/default/forwarding"), "00");
    EXPECT_EQ(Get("ipv4/conf/lo/forwarding") + Get("ipv4/conf/all/accept_redirects"), "11");
    EXPECT_FALSE(Recorded(folder, "ipv4"));
  });
}

TEST_F(Forwarding, OfIpv6LeavesTheHostAHost) {
  InFreshNetwork([] {
    const estiba::testing::TempDir folder;
    REQUIRE(Get("ipv6/conf/all/forwarding") == "0", "IPv6, not forwarded");
    const bool forced = Get("ipv6/conf/all/force_forwarding") != "none";
    ASSERT_OK(EnsureForwarding(folder.path(), Family::kIpv6));
    EXPECT_EQ(Get(forced ? "ipv6/conf/lo/force_forwarding" : "ipv6/conf/lo/forwarding"), "1");
    EXPECT_EQ(Get(forced ? "ipv6/conf/default/force_forwarding" : "ipv6/conf/default/forwarding"), "1");
    // Advertisements are taken either way.
    if (forced) {
      EXPECT_EQ(Get("ipv6/conf/lo/forwarding") + Get("ipv6/conf/default/accept_ra"), "01");
    }
    if (!forced) {
      EXPECT_EQ(Get("ipv6/conf/default/accept_ra"), "2");
    }
    ASSERT_OK(PutForwardingBack(folder.path(), Family::kIpv6));
    EXPECT_EQ(Get("ipv6/conf/lo/forwarding") + Get("ipv6/conf/default/forwarding"), "00");
    EXPECT_EQ(Get("ipv6/conf/default/accept_ra"), "1");
    if (forced) {
      EXPECT_EQ(Get("ipv6/conf/lo/force_forwarding") + Get("ipv6/conf/default/force_forwarding"), "00");
    }
  });
}

TEST_F(Forwarding, WhatOthersSwitchedStaysAsTheyHaveIt) {
  InFreshNetwork([] {
    const estiba::testing::TempDir folder;
    Set("ipv4/ip_forward", "1");
    ASSERT_OK(EnsureForwarding(folder.path(), Family::kIpv4));
    EXPECT_FALSE(Recorded(folder, "ipv4"));
    Set("ipv4/ip_forward", "0");
    ASSERT_OK(EnsureForwarding(folder.path(), Family::kIpv4));
    Set("ipv4/ip_forward", "0");
    Set("ipv4/conf/lo/forwarding", "1");
    ASSERT_OK(PutForwardingBack(folder.path(), Family::kIpv4));
    EXPECT_EQ(Get("ipv4/ip_forward") + Get("ipv4/conf/lo/forwarding"), "01");
  });
}

TEST_F(Forwarding, WhoeverComesNextFinishesWhatWasBegun) {
  InFreshNetwork([] {
    const estiba::testing::TempDir folder;
    const os::UniqueFd at = os::OpenAt({AT_FDCWD}, folder.path(), O_PATH | O_DIRECTORY).value();
    Set("ipv4/ip_forward", "0");
    // Killed between the switch and what is put back after it.
    ASSERT_OK(os::ReplaceFile({at.get()}, "ipv4", "restoring\nipv4/conf/lo/forwarding 1 1\nend\n", 0600));
    ASSERT_OK(PutForwardingBack(folder.path(), Family::kIpv4));
    EXPECT_EQ(Get("ipv4/conf/lo/forwarding"), "1");
    // The same, and a container comes first.
    Set("ipv4/conf/lo/forwarding", "0");
    ASSERT_OK(os::ReplaceFile({at.get()}, "ipv4", "restoring\nipv4/conf/lo/forwarding 1 1\nend\n", 0600));
    ASSERT_OK(EnsureForwarding(folder.path(), Family::kIpv4));
    ASSERT_OK(PutForwardingBack(folder.path(), Family::kIpv4));
    EXPECT_EQ(Get("ipv4/ip_forward") + Get("ipv4/conf/lo/forwarding"), "01");
    // Killed before the switch, or the record is damaged: nothing is touched.
    for (const char* text : {"changed\nipv4/conf/lo/forwarding 0 1\nend\n", "changed\nipv4/conf/lo/forwarding 0", ""}) {
      ASSERT_OK(os::ReplaceFile({at.get()}, "ipv4", text, 0600));
      ASSERT_OK(PutForwardingBack(folder.path(), Family::kIpv4));
      EXPECT_EQ(Get("ipv4/conf/lo/forwarding"), "1") << text;
      EXPECT_FALSE(Recorded(folder, "ipv4"));
    }
  });
}

}  // namespace
}  // namespace estiba::net
