#include "cgroup/settings.h"

#include <gmock/gmock.h>

#include <cstring>

#include "tests/support.h"

namespace estiba::cgroup {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Hierarchies Legacy() {
  return ProbeFrom(
      "1 0 0:1 / /c/memory rw - cgroup c rw,memory\n1 0 0:2 / /c/cpu rw - cgroup c rw,cpu,cpuacct\n"
      "1 0 0:3 / /c/cpuset rw - cgroup c rw,cpuset\n1 0 0:4 / /c/pids rw - cgroup c rw,pids\n"
      "1 0 0:5 / /c/blkio rw - cgroup c rw,blkio\n",
      "", "");
}

Hierarchies Unified() {
  return ProbeFrom("1 0 0:1 / /c rw - cgroup2 c rw\n", "", "cpuset cpu io memory hugetlb pids rdma\n");
}

std::vector<std::string> Lines(const Result<std::vector<Write>>& writes) {
  if (!writes.ok()) return {"error: " + writes.error().Message()};
  std::vector<std::string> lines;
  for (const Write& write : *writes) lines.push_back(write.file + "=" + write.value);
  return lines;
}

TEST(Settings, NothingAskedForIsNothingWritten) {
  EXPECT_THAT(Lines(Settings({}, Legacy())), ElementsAre());
  EXPECT_THAT(Lines(Settings({}, Hierarchies{})), ElementsAre());
}

TEST(Settings, SwapOfTheSpecificationIsMemoryAndSwapTogether) {
  oci::Resources resources;
  resources.memory.limit = 1000;
  resources.memory.swap = 3000;
  EXPECT_THAT(Lines(Settings(resources, Legacy())),
              ElementsAre("memory.limit_in_bytes=1000", "memory.memsw.limit_in_bytes=3000"));
  EXPECT_THAT(Lines(Settings(resources, Unified())), ElementsAre("memory.swap.max=2000", "memory.max=1000"));
  resources.memory.swap = 1000;  // no swap
  EXPECT_THAT(Lines(Settings(resources, Unified())), ElementsAre("memory.swap.max=0", "memory.max=1000"));
  resources.memory.swap = -1;
  EXPECT_THAT(Lines(Settings(resources, Unified())), ElementsAre("memory.swap.max=max", "memory.max=1000"));
  resources.memory.swap = 999;
  EXPECT_THAT(Lines(Settings(resources, Unified())), ElementsAre(HasSubstr("linux.resources.memory.swap")));
  EXPECT_THAT(Lines(Settings(resources, Legacy())), ElementsAre(HasSubstr("linux.resources.memory.swap")));
}

TEST(Settings, UnlimitedMemoryLiftsSwapToo) {
  oci::Resources resources;
  resources.memory.limit = -1;
  EXPECT_THAT(Lines(Settings(resources, Legacy())),
              ElementsAre("memory.limit_in_bytes=-1", "memory.memsw.limit_in_bytes=-1"));
  EXPECT_THAT(Lines(Settings(resources, Unified())), ElementsAre("memory.swap.max=max", "memory.max=max"));
}

TEST(Settings, ReservationIsSoftOnV1AndLowOnV2) {
  oci::Resources resources;
  resources.memory.reservation = 4096;
  EXPECT_THAT(Lines(Settings(resources, Legacy())), ElementsAre("memory.soft_limit_in_bytes=4096"));
  EXPECT_THAT(Lines(Settings(resources, Unified())), ElementsAre("memory.low=4096"));
}

TEST(Settings, WhatV2DoesNotHaveIsRefusedByName) {
  oci::Resources resources;
  resources.memory.swappiness = 10;
  EXPECT_THAT(Lines(Settings(resources, Legacy())), ElementsAre("memory.swappiness=10"));
  EXPECT_THAT(Lines(Settings(resources, Unified())),
              ElementsAre(HasSubstr("linux.resources.memory.swappiness")));
}

TEST(Settings, CpuQuotaAndPeriodAreOneFileOnV2) {
  oci::Resources resources;
  resources.cpu.quota = 50000;
  EXPECT_THAT(Lines(Settings(resources, Unified())), ElementsAre("cpu.max=50000 100000"));
  resources.cpu.period = 20000;
  resources.cpu.burst = 5000;
  EXPECT_THAT(Lines(Settings(resources, Unified())),
              ElementsAre("cpu.max=50000 20000", "cpu.max.burst=5000"));
  EXPECT_THAT(Lines(Settings(resources, Legacy())),
              ElementsAre("cpu.cfs_period_us=20000", "cpu.cfs_quota_us=50000", "cpu.cfs_burst_us=5000"));
  resources.cpu = {};
  resources.cpu.quota = -1;
  EXPECT_THAT(Lines(Settings(resources, Unified())), ElementsAre("cpu.max=max 100000"));
}

TEST(Settings, SharesFollowTheCurve) {
  EXPECT_EQ(SharesToWeight(0), 1U);
  EXPECT_EQ(SharesToWeight(2), 1U);
  EXPECT_EQ(SharesToWeight(1024), 100U);
  EXPECT_EQ(SharesToWeight(512), 59U);
  EXPECT_EQ(SharesToWeight(262144), 10000U);
  EXPECT_EQ(SharesToWeight(UINT64_MAX), 10000U);
  for (std::uint64_t shares = 3; shares < 262144; shares += 97)
    EXPECT_GE(SharesToWeight(shares), SharesToWeight(shares - 1));
}

TEST(Settings, NoPidsLimitIsMaxAndZeroIsOne) {
  oci::Resources resources;
  resources.pids_limit = -1;
  EXPECT_THAT(Lines(Settings(resources, Legacy())), ElementsAre("pids.max=max"));
  resources.pids_limit = 0;
  EXPECT_THAT(Lines(Settings(resources, Unified())), ElementsAre("pids.max=1"));
}

TEST(Settings, BlockWeightsAreConvertedForTheFallbackFile) {
  oci::Resources resources;
  resources.block_io.weight = 1000;
  resources.block_io.throttle_read_bps.push_back({.major = 8, .minor = 0, .rate = 1048576});
  ASSERT_OK_AND_ASSIGN(const auto writes, Settings(resources, Unified()));
  ASSERT_EQ(writes.size(), 2U);
  EXPECT_EQ(writes[0].file, "io.bfq.weight");
  EXPECT_EQ(writes[0].alternative_file, "io.weight");
  EXPECT_EQ(writes[0].alternative_value, "10000");
  EXPECT_EQ(writes[1].value, "8:0 rbps=1048576");
  EXPECT_THAT(Lines(Settings(resources, Legacy())),
              ElementsAre("blkio.weight=1000", "blkio.throttle.read_bps_device=8:0 1048576"));
}

TEST(Settings, AMissingControllerNamesTheSetting) {
  oci::Resources resources;
  resources.hugepages.push_back({.page_size = "2MB", .limit = 1});
  EXPECT_THAT(Lines(Settings(resources, Legacy())), ElementsAre(HasSubstr("linux.resources.hugepageLimits")));
  EXPECT_THAT(Lines(Settings(resources, Unified())),
              ElementsAre("hugetlb.2MB.max=1", "hugetlb.2MB.rsvd.max=1"));
}

TEST(Settings, AControllerThatIsNotDelegatedNamesTheSetting) {
  Hierarchies host = Unified();
  host.hierarchies[0].delegated = false;
  oci::Resources resources;
  resources.pids_limit = 10;
  const auto writes = Settings(resources, host);
  ASSERT_FALSE(writes.ok());
  EXPECT_EQ(writes.error().code(), Code::kPermissionDenied);
  EXPECT_THAT(writes.error().Message(), HasSubstr("linux.resources.pids.limit"));
}

TEST(Settings, UnifiedFilesAreForV2AndOfItsControllers) {
  oci::Resources resources;
  resources.unified = {{"memory.high", "4096"}};
  EXPECT_THAT(Lines(Settings(resources, Unified())), ElementsAre("memory.high=4096"));
  EXPECT_THAT(Lines(Settings(resources, Legacy())), ElementsAre(HasSubstr("unified[memory.high]")));
  resources.unified = {{"../memory.max", "1"}};
  EXPECT_THAT(Lines(Settings(resources, Unified())), ElementsAre(HasSubstr("not the name of a cgroup file")));
  resources.unified = {{"misc.max", "1"}};
  EXPECT_THAT(Lines(Settings(resources, Unified())), ElementsAre(HasSubstr("'misc' controller")));
}

// ---- device rules
// --------------------------------------------------------------------------------------------

// Runs the few instructions DeviceProgram uses.
bool RunDeviceProgram(const std::vector<bpf_insn>& program, bpf_cgroup_dev_ctx ctx) {
  std::uint64_t regs[11] = {};
  for (std::size_t pc = 0; pc < program.size(); ++pc) {
    const bpf_insn& insn = program[pc];
    const auto imm = static_cast<std::uint32_t>(insn.imm);
    switch (insn.code) {
      case BPF_LDX | BPF_MEM | BPF_W:
        std::memcpy(&regs[insn.dst_reg], reinterpret_cast<const char*>(&ctx) + insn.off, 4);
        break;
      case BPF_ALU | BPF_MOV | BPF_X:
        regs[insn.dst_reg] = static_cast<std::uint32_t>(regs[insn.src_reg]);
        break;
      case BPF_ALU | BPF_MOV | BPF_K: regs[insn.dst_reg] = imm; break;
      case BPF_ALU | BPF_AND | BPF_K: regs[insn.dst_reg] &= imm; break;
      case BPF_ALU | BPF_RSH | BPF_K: regs[insn.dst_reg] >>= imm; break;
      case BPF_JMP32 | BPF_JNE | BPF_K:
        if (static_cast<std::uint32_t>(regs[insn.dst_reg]) != imm) pc += static_cast<std::size_t>(insn.off);
        break;
      case BPF_JMP32 | BPF_JEQ | BPF_K:
        if (static_cast<std::uint32_t>(regs[insn.dst_reg]) == imm) pc += static_cast<std::size_t>(insn.off);
        break;
      case BPF_JMP | BPF_EXIT: return regs[0] != 0;
      default: ADD_FAILURE() << "instruction " << int{insn.code}; return false;
    }
  }
  ADD_FAILURE() << "ran off the end";
  return false;
}

bool Allowed(const std::vector<oci::DeviceRule>& rules, char type, unsigned major, unsigned minor,
             unsigned access) {
  auto program = DeviceProgram(rules);
  EXPECT_TRUE(program.ok());
  const unsigned kind = type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR;
  return RunDeviceProgram(*program, {.access_type = access << 16 | kind, .major = major, .minor = minor});
}

constexpr unsigned kRead = BPF_DEVCG_ACC_READ;
constexpr unsigned kWrite = BPF_DEVCG_ACC_WRITE;
constexpr unsigned kMknod = BPF_DEVCG_ACC_MKNOD;

TEST(DeviceRules, TheDefaultsReachNullAndNotADisk) {
  std::vector<oci::DeviceRule> rules{{.allow = false}};
  for (auto& rule : DefaultDeviceRules()) rules.push_back(std::move(rule));
  EXPECT_TRUE(Allowed(rules, 'c', 1, 3, kRead | kWrite));
  EXPECT_TRUE(Allowed(rules, 'c', 136, 77, kRead));
  EXPECT_TRUE(Allowed(rules, 'b', 8, 0, kMknod));
  EXPECT_FALSE(Allowed(rules, 'b', 8, 0, kRead));
  EXPECT_FALSE(Allowed(rules, 'b', 1, 3, kRead));  // a block device of null's numbers
  EXPECT_FALSE(Allowed(rules, 'c', 10, 229, kRead | kMknod));
}

TEST(DeviceRules, TheLastRuleThatSpeaksOfAnAccessDecides) {
  const std::vector<oci::DeviceRule> rules{
      {.allow = false},
      {.allow = true, .type = 'c', .major = 10},
      {.allow = false, .type = 'c', .major = 10, .minor = 229, .access = "w"}};
  EXPECT_TRUE(Allowed(rules, 'c', 10, 1, kRead | kWrite));
  EXPECT_TRUE(Allowed(rules, 'c', 10, 229, kRead));
  EXPECT_FALSE(Allowed(rules, 'c', 10, 229, kRead | kWrite));
}

TEST(DeviceRules, AccessMayBeAllowedInPieces) {
  const std::vector<oci::DeviceRule> rules{
      {.allow = true, .type = 'c', .major = 1, .minor = 3, .access = "r"},
      {.allow = true, .type = 'c', .major = 1, .minor = 3, .access = "w"}};
  EXPECT_TRUE(Allowed(rules, 'c', 1, 3, kRead | kWrite));
  EXPECT_FALSE(Allowed(rules, 'c', 1, 3, kRead | kMknod));
}

TEST(DeviceRules, AllowAllIsAllowAll) {
  const std::vector<oci::DeviceRule> rules{{.allow = false}, {.allow = true}};
  EXPECT_TRUE(Allowed(rules, 'b', 259, 1, kRead | kWrite | kMknod));
}

TEST(DeviceRules, AgreeWithAPlainReadingOfTheRules) {
  unsigned seed = 7;
  const auto random = [&](unsigned below) {
    seed = seed * 1103515245 + 12345;
    return (seed >> 16) % below;
  };
  const char* accesses[] = {"r", "w", "m", "rw", "rwm", "wm"};
  for (int round = 0; round < 300; ++round) {
    std::vector<oci::DeviceRule> rules;
    for (unsigned i = 0; i < 1 + random(6); ++i)
      rules.push_back({.allow = random(2) == 0,
                       .type = "abc"[random(3)],
                       .major = random(2) == 0 ? std::optional<std::int64_t>(random(3)) : std::nullopt,
                       .minor = random(2) == 0 ? std::optional<std::int64_t>(random(3)) : std::nullopt,
                       .access = accesses[random(6)]});
    const char type = random(2) == 0 ? 'b' : 'c';
    const unsigned major = random(3);
    const unsigned minor = random(3);
    const unsigned access = 1 + random(7);
    bool expected = true;
    for (const unsigned bit : {kRead, kWrite, kMknod}) {
      if ((access & bit) == 0) continue;
      const char letter = bit == kRead ? 'r' : bit == kWrite ? 'w' : 'm';
      bool allowed = false;
      for (const auto& rule : rules)
        if ((rule.type == 'a' || rule.type == type) && (!rule.major || *rule.major == major) &&
            (!rule.minor || *rule.minor == minor) && rule.access.find(letter) != std::string::npos)
          allowed = rule.allow;
      expected = expected && allowed;
    }
    EXPECT_EQ(Allowed(rules, type, major, minor, access), expected) << "round " << round;
  }
}

TEST(DeviceRules, V1IsToldToRefuseEverythingElse) {
  const auto values = [](const std::vector<oci::DeviceRule>& rules) {
    std::vector<std::string> lines;
    for (const Write& write : DeviceWrites(rules)) lines.push_back(write.file + "=" + write.value);
    return lines;
  };
  const oci::DeviceRule null{.allow = true, .type = 'c', .major = 1, .minor = 3, .access = "rw"};
  EXPECT_THAT(values({null}), ElementsAre("devices.deny=a", "devices.allow=c 1:3 rw"));
  EXPECT_THAT(values({{.allow = false}, null}), ElementsAre("devices.deny=a", "devices.allow=c 1:3 rw"));
  EXPECT_THAT(values({{.allow = true}}), ElementsAre("devices.allow=a"));
  EXPECT_THAT(values({}), ElementsAre());
}

TEST(DeviceRules, ABadAccessIsNamed) {
  EXPECT_FALSE(DeviceProgram({{.allow = true, .access = ""}}).ok());
  const auto program = DeviceProgram({{.allow = true}, {.allow = true, .access = "rx"}});
  ASSERT_FALSE(program.ok());
  EXPECT_THAT(program.error().Message(), HasSubstr("linux.resources.devices[1].access"));
}

}  // namespace
}  // namespace estiba::cgroup
