#include "cgroup/scope.h"

#include "cgroup/variant.h"

#include "tests/support.h"

namespace estiba::cgroup {
namespace {

TEST(ParseScope, FindsTheScopesPlaceInTheTree) {
  ASSERT_OK_AND_ASSIGN(const Scope named, ParseScope("a-b.slice:libpod:web", "x", false, ""));
  EXPECT_EQ(named.unit, "libpod-web.scope");
  EXPECT_EQ(named.path, "/a.slice/a-b.slice/libpod-web.scope");
  ASSERT_OK_AND_ASSIGN(const Scope bare, ParseScope("", "web", false, ""));
  EXPECT_EQ(bare.path, "/system.slice/estiba-web.scope");
  ASSERT_OK_AND_ASSIGN(const Scope plain, ParseScope("::web", "x", false, ""));
  EXPECT_EQ(plain.path, "/system.slice/web.scope");
  const std::string manager = "/user.slice/user-1000.slice/user@1000.service";
  ASSERT_OK_AND_ASSIGN(const Scope users, ParseScope("", "web", true, manager));
  EXPECT_EQ(users.path, manager + "/user.slice/estiba-web.scope");
  ASSERT_OK_AND_ASSIGN(const Scope top, ParseScope("-.slice:p:web", "x", false, ""));
  EXPECT_EQ(top.path, "/p-web.scope");
}

TEST(ParseScope, RefusesWhatSystemdCouldNotName) {
  for (const char* text : {"/a/b", "a:b", "a.slice:b:c:d", "a/b.slice:p:n", "noslice:p:n", ".slice:p:n",
                           "a--b.slice:p:n", "-a.slice:p:n", "a.slice:p:", "a.slice:p:na me", "a.slice:p/q:n",
                           "a.slice:p:n.slice"})
    EXPECT_FALSE(ParseScope(text, "id", false, "").ok()) << text;
}

TEST(LimitProperties, AreInSystemdsUnits) {
  oci::Resources resources;
  resources.memory.limit = 64 << 20;
  resources.memory.swap = 96 << 20;
  resources.memory.reservation = 32 << 20;
  resources.cpu.shares = 1024;
  resources.cpu.quota = 15'001;
  resources.cpu.period = 50'000;
  resources.cpu.cpus = "0-2,9";
  resources.pids_limit = 0;
  ASSERT_OK_AND_ASSIGN(const auto properties, LimitProperties(resources, 252));
  EXPECT_EQ(properties, (std::vector<std::string>{
                            "MemoryMax=uint64 67108864", "MemoryLow=uint64 33554432", "MemorySwapMax=uint64 33554432",
                            "CPUWeight=uint64 100", "CPUQuotaPeriodUSec=uint64 50000",
                            "CPUQuotaPerSecUSec=uint64 310000", "AllowedCPUs=@ay [7, 2]", "TasksMax=uint64 1"}));
}

TEST(LimitProperties, OfFilesOfCgroup2) {
  oci::Resources resources;
  resources.unified = {{"memory.high", "1000"},    {"memory.min", "7"},     {"memory.swap.max", " max\n"},
                       {"cpu.max", "20000 50000"}, {"cpu.weight", "300"},   {"cpuset.cpus", "1"},
                       {"pids.max", "0"},          {"io.weight", "default 5"}};
  ASSERT_OK_AND_ASSIGN(const auto properties, LimitProperties(resources, 252));
  EXPECT_EQ(properties,
            (std::vector<std::string>{"MemoryHigh=uint64 1000", "MemoryMin=uint64 7",
                                      "MemorySwapMax=uint64 18446744073709551615", "CPUQuotaPeriodUSec=uint64 50000",
                                      "CPUQuotaPerSecUSec=uint64 400000", "CPUWeight=uint64 300", "AllowedCPUs=@ay [2]",
                                      "TasksMax=uint64 1"}));
  resources.unified = {{"cpu.max", "max"}};
  ASSERT_OK_AND_ASSIGN(const auto unlimited, LimitProperties(resources, 252));
  EXPECT_EQ(unlimited, (std::vector<std::string>{"CPUQuotaPeriodUSec=uint64 100000",
                                                 "CPUQuotaPerSecUSec=uint64 18446744073709551615"}));
  for (const auto& bad : oci::StringMap{{"cpu.max", "1 2 3"}, {"memory.high", "lots"}, {"pids.max", "-1"}}) {
    resources.unified = {bad};
    const auto refused = LimitProperties(resources, 252);
    ASSERT_FALSE(refused.ok()) << bad.first;
    EXPECT_NE(refused.error().Message().find("linux.resources.unified[" + bad.first), std::string::npos);
  }
}

TEST(LimitProperties, AnIdleGroupHasTheWeightNone) {
  oci::Resources resources;
  resources.cpu.idle = 1;
  resources.cpu.shares = 1024;
  const std::vector<std::string> idle = {"CPUWeight=uint64 0"};
  EXPECT_EQ(LimitProperties(resources, 252).value(), idle);
  EXPECT_EQ(LimitProperties(resources, 251).value(), std::vector<std::string>{"CPUWeight=uint64 100"});
  resources.cpu = {};
  resources.unified = {{"cpu.weight", "5"}, {"cpu.idle", "1"}};
  EXPECT_EQ(LimitProperties(resources, 252).value(), idle);
  resources.unified = {{"cpu.weight", "5"}, {"cpu.idle", "0"}};
  EXPECT_EQ(LimitProperties(resources, 252).value(), std::vector<std::string>{"CPUWeight=uint64 5"});
}

TEST(LegacyLimitProperties, AreTheOldOnes) {
  oci::Resources resources;
  resources.memory.limit = 64 << 20;
  resources.memory.swap = 96 << 20;  // systemd has no word for these two on v1
  resources.memory.reservation = 32 << 20;
  resources.cpu.shares = 512;
  resources.cpu.quota = 20'000;
  resources.cpu.cpus = "0";
  resources.block_io.weight = 300;
  resources.pids_limit = -1;
  ASSERT_OK_AND_ASSIGN(const auto properties, LegacyLimitProperties(resources));
  EXPECT_EQ(properties,
            (std::vector<std::string>{"MemoryLimit=uint64 67108864", "CPUShares=uint64 512",
                                      "CPUQuotaPerSecUSec=uint64 200000", "BlockIOWeight=uint64 300",
                                      "TasksMax=uint64 18446744073709551615", "AllowedCPUs=@ay [1]"}));
}

oci::DeviceRule Device(bool allow, char type, std::optional<std::int64_t> major, std::optional<std::int64_t> minor,
                       const char* access) {
  return {.allow = allow, .type = type, .major = major, .minor = minor, .access = access};
}

// The last property: what is allowed, with the container's usual devices taken off its end.
std::string ListOf(const std::vector<oci::DeviceRule>& rules) {
  const auto properties = DeviceProperties(rules);
  EXPECT_EQ(properties.size(), 3U);
  EXPECT_EQ(properties[0], "DeviceAllow=@a(ss) []");
  EXPECT_EQ(properties[1], "DevicePolicy='strict'");
  const std::string& list = properties.back();
  EXPECT_TRUE(ParseVariant(list.substr(list.find('=') + 1)).ok()) << list;
  return list;
}

TEST(DeviceProperties, ListWhatTheRulesAllow) {
  const oci::DeviceRule deny = Device(false, 'a', {}, {}, "rwm");
  const std::string usual = "('char-*', 'm'), ('block-*', 'm'), ('/dev/char/1:3', 'rwm'), ('/dev/char/1:5', 'rwm'), "
                            "('/dev/char/1:7', 'rwm'), ('/dev/char/1:8', 'rwm'), ('/dev/char/1:9', 'rwm'), "
                            "('/dev/char/5:0', 'rwm'), ('/dev/char/5:1', 'rwm'), ('/dev/char/5:2', 'rwm'), "
                            "('char-136', 'rwm')]";
  EXPECT_EQ(ListOf({deny}), "DeviceAllow=[" + usual);
  EXPECT_EQ(ListOf({}), "DeviceAllow=[" + usual);
  EXPECT_EQ(ListOf({Device(true, 'c', 4, 1, "rw"), deny, Device(true, 'b', 8, -1, "r"), Device(true, 'a', 10, 2, "r")}),
            "DeviceAllow=[('block-8', 'r'), ('/dev/char/10:2', 'r'), ('/dev/block/10:2', 'r'), " + usual);
  EXPECT_EQ(ListOf({deny, Device(true, 'c', 4, 1, "r"), Device(true, 'c', 4, 1, "rw")}),
            "DeviceAllow=[('/dev/char/4:1', 'rw'), " + usual);
}

// Whatever systemd writes by itself must not allow more than our own rules.
TEST(DeviceProperties, LeaveOutWhatSystemdCannotSay) {
  const oci::DeviceRule allow = Device(true, 'a', {}, {}, "rwm");
  const oci::DeviceRule deny = Device(false, 'a', {}, {}, "rwm");
  EXPECT_EQ(DeviceProperties({allow}), (std::vector<std::string>{"DeviceAllow=@a(ss) []", "DevicePolicy='auto'"}));
  EXPECT_TRUE(ListOf({allow, Device(false, 'c', 4, 1, "w")}).starts_with("DeviceAllow=[('char-*', 'm'), "));
  EXPECT_TRUE(ListOf({deny, Device(true, 'c', 4, {}, "rw"), Device(false, 'c', 4, 1, "w")})
                  .starts_with("DeviceAllow=[('char-4', 'r'), "));
  EXPECT_TRUE(ListOf({deny, Device(true, 'c', {}, 1, "rw")}).starts_with("DeviceAllow=[('char-*', 'm'), "));
  EXPECT_TRUE(ListOf({deny, Device(true, 'c', 4, 1, "r"), Device(false, 'a', {}, {}, "r")})
                  .starts_with("DeviceAllow=[('char-*', 'm'), "));
}

TEST(StartProperties, SayWhoDiesWhenMemoryIsShort) {
  oci::Resources resources;
  resources.unified = {{"memory.oom.group", "1"}};
  EXPECT_EQ(StartProperties(resources, 253), std::vector<std::string>{"OOMPolicy='kill'"});
  EXPECT_TRUE(StartProperties(resources, 252).empty());
  resources.unified[0].second = "0";
  EXPECT_EQ(StartProperties(resources, 255), std::vector<std::string>{"OOMPolicy='continue'"});
}

TEST(LimitProperties, NoLimitIsInfinity) {
  oci::Resources resources;
  resources.memory.limit = -1;
  resources.cpu.quota = -1;
  resources.pids_limit = -1;
  ASSERT_OK_AND_ASSIGN(const auto properties, LimitProperties(resources, 252));
  const std::string none = "=uint64 18446744073709551615";
  EXPECT_EQ(properties, (std::vector<std::string>{"MemoryMax" + none, "MemorySwapMax" + none,
                                                  "CPUQuotaPerSecUSec" + none, "TasksMax" + none}));
}

TEST(LimitProperties, NameABadList) {
  for (const char* list : {"2-1", "x", "1-", "9000"}) {
    oci::Resources resources;
    resources.cpu.cpus = list;
    const auto properties = LimitProperties(resources, 252);
    ASSERT_FALSE(properties.ok()) << list;
    EXPECT_NE(properties.error().Message().find("linux.resources.cpu.cpus"), std::string::npos);
  }
}

TEST(AnnotatedProperties, PassOnWhatIsAValue) {
  ASSERT_OK_AND_ASSIGN(const auto properties,
                       AnnotatedProperties({{"other", "x"},
                                            {"org.systemd.property.CollectMode", "'inactive-or-failed'"},
                                            {"org.systemd.property.TimeoutStopSec", "uint64 7"},
                                            {"org.systemd.property.TimeoutStopUSec", "uint64 8"}}));
  EXPECT_EQ(properties, (std::vector<std::string>{"CollectMode='inactive-or-failed'", "TimeoutStopUSec=uint64 7000000",
                                                  "TimeoutStopUSec=uint64 8"}));
  EXPECT_FALSE(AnnotatedProperties({{"org.systemd.property.CollectMode", "inactive"}}).ok());
  EXPECT_FALSE(AnnotatedProperties({{"org.systemd.property.TimeoutStopSec", "'7'"}}).ok());
  EXPECT_FALSE(AnnotatedProperties({{"org.systemd.property.A b", "1"}}).ok());
}

// CVE-2024-3154: a name or a value with a second property in it.
TEST(AnnotatedProperties, AreOneEach) {
  for (const char* name : {"", "A", "Wants=b", "Wants\nPIDs", "Wants ", "Wants.b", "Wänts", "PIDs", "PIDFDs", "Slice",
                           "Delegate", "DelegateControllers", "DelegateSubgroup", "ControlGroup"}) {
    EXPECT_FALSE(AnnotatedProperties({{std::string("org.systemd.property.") + name, "true"}}).ok()) << name;
  }
  for (const char* value : {"", "true, 'ExecStopPost'", "true\nPIDs=[uint32 1]", "'a' 'b'", "['a'", "('a', true",
                            "uint32 1 uint32 2", "true;", "@a(sv) [('PIDs', <1>)]"}) {
    EXPECT_FALSE(AnnotatedProperties({{"org.systemd.property.Wants", value}}).ok()) << value;
  }
}

}  // namespace
}  // namespace estiba::cgroup
