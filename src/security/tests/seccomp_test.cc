#include "security/seccomp.h"

#include <gmock/gmock.h>

#include <cerrno>

#include <linux/audit.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>

#include "bpf_machine.h"
#include "tests/support.h"

namespace estiba::security {
namespace {

using oci::SeccompAction;
using oci::SeccompOp;

constexpr std::uint32_t kX32Bit = 0x4000'0000;
constexpr std::uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr std::uint32_t Errno(std::uint32_t number) { return SECCOMP_RET_ERRNO | number; }

oci::Seccomp AllowList(std::vector<oci::SeccompRule> rules) {
  oci::Seccomp seccomp;
  seccomp.default_action = SeccompAction::kErrno;
  seccomp.architectures = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"};
  seccomp.syscalls = std::move(rules);
  return seccomp;
}

std::vector<sock_filter> Program(const oci::Seccomp& seccomp) {
  auto compiled = CompileSeccomp(seccomp, Arch::kX86_64);
  if (!compiled.ok()) {
    ADD_FAILURE() << compiled.error().ToString();
    return {{BPF_RET | BPF_K, 0, 0, 0}};
  }
  return std::move(compiled).value().program;
}

seccomp_data Call(const char* name, std::vector<std::uint64_t> args = {}, Arch arch = Arch::kX86_64) {
  seccomp_data data{};
  data.arch = arch == Arch::kX86 ? AUDIT_ARCH_I386 : AUDIT_ARCH_X86_64;
  data.nr = SyscallNumber(arch, name);
  EXPECT_GE(data.nr, 0) << name;
  if (arch == Arch::kX32) data.nr = static_cast<int>(static_cast<std::uint32_t>(data.nr) | kX32Bit);
  for (std::size_t i = 0; i < args.size(); ++i) data.args[i] = args[i];
  return data;
}

TEST(SyscallTable, KnowsNumbersAndNames) {
  EXPECT_EQ(SyscallNumber(Arch::kX86_64, "read"), 0);
  EXPECT_EQ(SyscallNumber(Arch::kX86_64, "openat2"), 437);
  EXPECT_EQ(SyscallNumber(Arch::kX86, "socketcall"), 102);
  EXPECT_EQ(SyscallNumber(Arch::kX32, "readv"), 515);
  EXPECT_EQ(SyscallNumber(Arch::kAarch64, "openat"), 56);
  EXPECT_EQ(SyscallNumber(Arch::kX86_64, "socketcall"), -1);
  EXPECT_EQ(SyscallNumber(Arch::kX86_64, "no_such_call"), -1);
  EXPECT_EQ(SyscallName(Arch::kX86_64, 59), "execve");
  EXPECT_EQ(SyscallName(Arch::kX86_64, 9999), "");
}

TEST(SyscallTable, AgreesWithThisHeadersNumbers) {
  EXPECT_EQ(SyscallNumber(NativeArch(), "clone3"), SYS_clone3);
  EXPECT_EQ(SyscallNumber(NativeArch(), "pidfd_open"), SYS_pidfd_open);
  EXPECT_EQ(SyscallNumber(NativeArch(), "execveat"), SYS_execveat);
}

TEST(Compile, ListedCallsPassOthersDoNotAndNewerOnesDoNotExist) {
  const auto program = Program(AllowList({{.names = {"read", "write", "statx"}}}));
  EXPECT_EQ(RunFilter(program, Call("read")), kAllow);
  EXPECT_EQ(RunFilter(program, Call("statx")), kAllow);
  EXPECT_EQ(RunFilter(program, Call("open")), Errno(EPERM));
  EXPECT_EQ(RunFilter(program, Call("clone3")), Errno(ENOSYS));  // newer than statx
  EXPECT_EQ(RunFilter(program, Call("read", {}, Arch::kX86)), kAllow);
  EXPECT_EQ(RunFilter(program, Call("read", {}, Arch::kX32)), kAllow);
  EXPECT_EQ(RunFilter(program, Call("open", {}, Arch::kX32)), Errno(EPERM));
  seccomp_data foreign = Call("read");
  foreign.arch = AUDIT_ARCH_AARCH64;
  EXPECT_EQ(RunFilter(program, foreign), SECCOMP_RET_KILL_THREAD);
}

TEST(Compile, AnArchitectureThatIsNotListedIsKilled) {
  oci::Seccomp seccomp = AllowList({{.names = {"read"}}});
  seccomp.architectures = {};
  const auto program = Program(seccomp);
  EXPECT_EQ(RunFilter(program, Call("read")), kAllow);
  EXPECT_EQ(RunFilter(program, Call("read", {}, Arch::kX86)), SECCOMP_RET_KILL_THREAD);
  EXPECT_EQ(RunFilter(program, Call("read", {}, Arch::kX32)), SECCOMP_RET_KILL_THREAD);
  seccomp_data none = Call("read");
  none.nr = -1;  // what a tracer leaves of a call it swallowed: not x32
  EXPECT_EQ(RunFilter(program, none), Errno(ENOSYS));
}

TEST(Compile, APermissiveDefaultLetsNewerCallsThrough) {
  oci::Seccomp seccomp = AllowList({{.names = {"mount"}, .action = SeccompAction::kErrno, .errno_ret = 5}});
  seccomp.default_action = SeccompAction::kAllow;
  const auto program = Program(seccomp);
  EXPECT_EQ(RunFilter(program, Call("mount")), Errno(5));
  EXPECT_EQ(RunFilter(program, Call("clone3")), kAllow);
}

TEST(Compile, EveryActionHasItsVerdict) {
  const std::vector<std::pair<SeccompAction, std::uint32_t>> verdicts = {
      {SeccompAction::kKillThread, SECCOMP_RET_KILL_THREAD}, {SeccompAction::kKillProcess, SECCOMP_RET_KILL_PROCESS},
      {SeccompAction::kTrap, SECCOMP_RET_TRAP},              {SeccompAction::kErrno, Errno(EPERM)},
      {SeccompAction::kTrace, SECCOMP_RET_TRACE | EPERM},    {SeccompAction::kLog, SECCOMP_RET_LOG},
      {SeccompAction::kNotify, SECCOMP_RET_USER_NOTIF}};
  for (const auto& [action, verdict] : verdicts) {
    oci::Seccomp seccomp = AllowList({{.names = {"getpid"}, .action = action}});
    seccomp.default_action = SeccompAction::kAllow;
    EXPECT_EQ(RunFilter(Program(seccomp), Call("getpid")), verdict);
  }
}

bool Holds(SeccompOp op, std::uint64_t arg, std::uint64_t value, std::uint64_t two) {
  switch (op) {
    case SeccompOp::kNotEqual: return arg != value;
    case SeccompOp::kLess: return arg < value;
    case SeccompOp::kLessEqual: return arg <= value;
    case SeccompOp::kEqual: return arg == value;
    case SeccompOp::kGreaterEqual: return arg >= value;
    case SeccompOp::kGreater: return arg > value;
    case SeccompOp::kMaskedEqual: return (arg & value) == two;
  }
  return false;
}

TEST(Compile, ComparisonsHaveAll64Bits) {
  const std::uint64_t values[] = {0, 1, 0x7fffffff, 0xffffffff, 0x100000000, 0x1'0000'0001, 0xffffffff'00000000,
                                  UINT64_MAX};
  for (int op = 0; op < 7; ++op) {
    for (const std::uint64_t value : values) {
      for (const std::uint64_t two : {std::uint64_t{0}, value, value & 0xffff'0000'ffff}) {
        const oci::SeccompArg arg{.index = 3, .op = static_cast<SeccompOp>(op), .value = value, .value_two = two};
        const auto program = Program(AllowList({{.names = {"ioctl"}, .args = {arg}}}));
        for (const std::uint64_t given : values) {
          const bool allowed = RunFilter(program, Call("ioctl", {9, 9, 9, given})) == kAllow;
          EXPECT_EQ(allowed, Holds(arg.op, given, value, two)) << op << " " << given << " " << value;
        }
      }
    }
  }
}

TEST(Compile, ConditionsOfOneRuleMustAllHold) {
  const auto program = Program(AllowList(
      {{.names = {"ioctl"}, .args = {{.index = 0, .value = 1}, {.index = 1, .op = SeccompOp::kGreater, .value = 5}}}}));
  EXPECT_EQ(RunFilter(program, Call("ioctl", {1, 6})), kAllow);
  EXPECT_EQ(RunFilter(program, Call("ioctl", {1, 5})), Errno(EPERM));
  EXPECT_EQ(RunFilter(program, Call("ioctl", {2, 6})), Errno(EPERM));
}

TEST(Compile, ConditionsOnOneArgumentAreAlternatives) {
  const auto program =
      Program(AllowList({{.names = {"ioctl"}, .args = {{.index = 0, .value = 1}, {.index = 0, .value = 7}}}}));
  EXPECT_EQ(RunFilter(program, Call("ioctl", {1})), kAllow);
  EXPECT_EQ(RunFilter(program, Call("ioctl", {7})), kAllow);
  EXPECT_EQ(RunFilter(program, Call("ioctl", {3})), Errno(EPERM));
}

// The specification's reading of several rules for one call, without any cleverness.
std::uint32_t Reading(const oci::Seccomp& seccomp, std::string_view name, const seccomp_data& data) {
  const std::uint32_t otherwise = Errno(EPERM);
  for (const auto& rule : seccomp.syscalls)
    if (rule.names[0] == name && rule.args.empty()) return kAllow;
  for (const auto& rule : seccomp.syscalls) {
    if (rule.names[0] != name) continue;
    bool all = true;
    for (const auto& arg : rule.args) all = all && Holds(arg.op, data.args[arg.index], arg.value, arg.value_two);
    if (all) return kAllow;
  }
  return otherwise;
}

TEST(Compile, RandomRulesAgreeWithAPlainReading) {
  std::mt19937_64 random(11);
  const char* names[] = {"ioctl", "mmap", "statx", "prctl"};
  const std::uint64_t values[] = {0, 1, 2, 5, 0xffffffff, 0x1'0000'0000, 0x1'0000'0005, UINT64_MAX};
  for (int round = 0; round < 200; ++round) {
    oci::Seccomp seccomp = AllowList({});
    for (unsigned i = 0; i < 1 + random() % 12; ++i) {
      oci::SeccompRule rule{.names = {names[random() % 4]}};
      for (std::uint32_t index = 0; index < random() % 4; ++index)
        rule.args.push_back({.index = index,
                             .op = static_cast<SeccompOp>(random() % 7),
                             .value = values[random() % 8],
                             .value_two = values[random() % 8]});
      seccomp.syscalls.push_back(rule);
    }
    seccomp.syscalls.push_back({.names = {"file_setattr"}});  // nothing is newer
    const auto program = Program(seccomp);
    for (int tries = 0; tries < 100; ++tries) {
      const char* name = names[random() % 4];
      const auto data = Call(name, {values[random() % 8], values[random() % 8], values[random() % 8]});
      ASSERT_EQ(RunFilter(program, data), Reading(seccomp, name, data)) << round;
    }
  }
}

TEST(Compile, SocketCallsOfI386AreReachedThroughTheirMultiplexerToo) {
  const auto program = Program(AllowList({{.names = {"listen", "shmget"}}}));
  EXPECT_EQ(RunFilter(program, Call("listen", {}, Arch::kX86)), kAllow);
  EXPECT_EQ(RunFilter(program, Call("socketcall", {4}, Arch::kX86)), kAllow);
  EXPECT_EQ(RunFilter(program, Call("socketcall", {3}, Arch::kX86)), Errno(EPERM));
  EXPECT_EQ(RunFilter(program, Call("ipc", {23}, Arch::kX86)), kAllow);
}

TEST(Compile, BadInputIsNamed) {
  EXPECT_FALSE(CompileSeccomp(AllowList({{.names = {}}})).ok());
  EXPECT_FALSE(CompileSeccomp(AllowList({{.names = {"read"}, .args = {{.index = 6}}}})).ok());
  EXPECT_FALSE(CompileSeccomp(AllowList({{.names = {"write"}, .action = SeccompAction::kNotify}})).ok());
  EXPECT_FALSE(
      CompileSeccomp(AllowList({{.names = {"read"}, .action = SeccompAction::kErrno, .errno_ret = 4096}})).ok());
  oci::Seccomp seccomp = AllowList({});
  seccomp.default_action = SeccompAction::kNotify;
  EXPECT_FALSE(CompileSeccomp(seccomp).ok());
  seccomp = AllowList({});
  seccomp.architectures = {"SCMP_ARCH_Z80"};
  EXPECT_FALSE(CompileSeccomp(seccomp).ok());
  seccomp = AllowList({});
  seccomp.flags = std::vector<std::string>{"SECCOMP_FILTER_FLAG_WHAT"};
  EXPECT_FALSE(CompileSeccomp(seccomp).ok());
  EXPECT_TRUE(CompileSeccomp(AllowList({{.names = {"call_of_the_future"}}})).ok());
}

TEST(Compile, TooManyConditionsAreRefusedNotCutOff) {
  std::vector<oci::SeccompRule> rules;
  for (std::uint64_t i = 0; i < 5000; ++i) rules.push_back({.names = {"ioctl"}, .args = {{.index = 0, .value = i}}});
  EXPECT_EQ(CompileSeccomp(AllowList(rules)).error().code(), Code::kOutOfRange);
}

TEST(Compile, NoFlagsMeansSpeculationStaysAllowed) {
  oci::Seccomp seccomp = AllowList({{.names = {"read"}}});
  EXPECT_EQ(CompileSeccomp(seccomp)->flags, SECCOMP_FILTER_FLAG_SPEC_ALLOW);
  seccomp.flags = std::vector<std::string>{};
  EXPECT_EQ(CompileSeccomp(seccomp)->flags, 0U);
  seccomp.flags = std::vector<std::string>{"SECCOMP_FILTER_FLAG_LOG"};
  EXPECT_EQ(CompileSeccomp(seccomp)->flags, static_cast<unsigned>(SECCOMP_FILTER_FLAG_LOG));
}

// ---- the default profile -------------------------------------------------------------------------------------

std::vector<sock_filter> Default(CapabilitySet capabilities) {
  return Program(DefaultSeccompProfile(capabilities, Arch::kX86_64, {.major = 6, .minor = 18}));
}

TEST(DefaultProfile, LetsOrdinaryProgramsLive) {
  const auto program = Default(DefaultCapabilities());
  for (const char* name : {"read", "openat", "execve", "mmap", "futex", "epoll_wait", "fork", "ptrace", "chroot",
                           "statmount", "removexattrat", "landlock_create_ruleset"})
    EXPECT_EQ(RunFilter(program, Call(name)), kAllow) << name;
}

TEST(DefaultProfile, RefusesWhatReachesTheKernelOrTheHost) {
  const auto program = Default(DefaultCapabilities());
  for (const char* name : {"mount", "umount2", "reboot", "keyctl", "add_key", "request_key", "init_module",
                           "finit_module", "delete_module", "kexec_load", "bpf", "perf_event_open", "setns", "unshare",
                           "swapon", "iopl", "settimeofday", "userfaultfd", "io_uring_setup", "open_by_handle_at",
                           "pivot_root", "syslog", "acct", "quotactl", "mbind"})
    EXPECT_EQ(RunFilter(program, Call(name)), Errno(EPERM)) << name;
  EXPECT_EQ(RunFilter(program, Call("clone3")), Errno(ENOSYS));
}

TEST(DefaultProfile, ThreadsMayBeMadeNamespacesMayNot) {
  const auto program = Default(DefaultCapabilities());
  EXPECT_EQ(RunFilter(program, Call("clone", {0x003d0f00})), kAllow);  // a thread
  for (const std::uint64_t flag : {0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000})
    EXPECT_EQ(RunFilter(program, Call("clone", {flag | 17})), Errno(EPERM)) << flag;
  const auto admin = Default(DefaultCapabilities() | CapabilityBit(21));
  EXPECT_EQ(RunFilter(admin, Call("clone", {0x10000000})), kAllow);
  EXPECT_EQ(RunFilter(admin, Call("clone3")), kAllow);
  EXPECT_EQ(RunFilter(admin, Call("mount")), kAllow);
}

TEST(DefaultProfile, OnlyCommonAddressFamiliesAndPersonalities) {
  const auto program = Default(DefaultCapabilities());
  for (const unsigned family : {1U, 2U, 10U, 11U, 16U, 17U, 30U, 45U})
    EXPECT_EQ(RunFilter(program, Call("socket", {family})), kAllow) << family;
  for (const unsigned family : {12U, 38U, 40U, 46U, 1000U})
    EXPECT_EQ(RunFilter(program, Call("socket", {family})), Errno(EPERM)) << family;
  EXPECT_EQ(RunFilter(program, Call("personality", {0xffffffff})), kAllow);
  EXPECT_EQ(RunFilter(program, Call("personality", {0x0040000})), Errno(EPERM));  // ADDR_NO_RANDOMIZE
}

TEST(DefaultProfile, OldKernelsDoNotLetTracersIn) {
  const auto old = Program(DefaultSeccompProfile(DefaultCapabilities(), Arch::kX86_64, {.major = 4, .minor = 7}));
  EXPECT_EQ(RunFilter(old, Call("ptrace")), Errno(EPERM));
}

TEST(DefaultProfile, NamesOnlyCallsSomeArchitectureHas) {
  for (const Arch native : {Arch::kX86_64, Arch::kAarch64}) {
    for (const auto& rule : DefaultSeccompProfile(AllCapabilities(), native, {.major = 6}).syscalls) {
      for (const std::string& name : rule.names) {
        bool known = name == "send" || name == "recv" || name == "riscv_hwprobe" || name == "getsid" ||
                     (native == Arch::kAarch64 && rule.names.size() == 6);  // 32-bit ARM's own
        for (const Arch arch : {Arch::kX86_64, Arch::kX86, Arch::kX32, Arch::kAarch64})
          known = known || SyscallNumber(arch, name) >= 0;
        EXPECT_TRUE(known) << name;
      }
    }
  }
}

TEST(DefaultProfile, TheKernelTakesItAndItHolds) {
  auto compiled = CompileSeccomp(DefaultSeccompProfile(DefaultCapabilities()));
  ASSERT_OK(compiled);
  const pid_t pid = ::fork();
  if (pid == 0) {
    const sock_fprog program{.len = static_cast<unsigned short>(compiled->program.size()),
                             .filter = compiled->program.data()};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) ::_exit(1);
    if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, compiled->flags, &program) != 0) ::_exit(2);
    if (::syscall(SYS_unshare, 0x10000000) == 0 || errno != EPERM) ::_exit(3);
    if (::syscall(SYS_keyctl, 0, 0, 0) == 0 || errno != EPERM) ::_exit(4);
    if (::syscall(SYS_clone3, nullptr, 0) == 0 || errno != ENOSYS) ::_exit(5);
    ::_exit(::getpid() > 0 ? 0 : 6);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
}

// ---- profiles of users ---------------------------------------------------------------------------------------

TEST(DockerProfile, IncludesAndExcludesAreSettledHere) {
  const char* json = R"({"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1, "comment": "x",
    "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]},
                {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_ARM"]}],
    "syscalls": [
      {"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": null, "comment": "", "includes": {}, "excludes": {}},
      {"names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
      {"name": "ptrace", "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "4.8"}},
      {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38, "excludes": {"caps": ["CAP_SYS_ADMIN"]}},
      {"names": ["set_tls"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["arm64"]}}]})";
  ASSERT_OK_AND_ASSIGN(const auto plain, ParseDockerSeccomp(json, DefaultCapabilities(), Arch::kX86_64, {5, 10}));
  EXPECT_THAT(plain.architectures, ::testing::ElementsAre("SCMP_ARCH_X86_64", "SCMP_ARCH_X86"));
  ASSERT_EQ(plain.syscalls.size(), 3U);
  EXPECT_EQ(plain.syscalls[1].names[0], "ptrace");
  EXPECT_EQ(plain.syscalls[2].errno_ret, 38U);
  ASSERT_OK_AND_ASSIGN(const auto admin, ParseDockerSeccomp(json, AllCapabilities(), Arch::kX86_64, {4, 7}));
  ASSERT_EQ(admin.syscalls.size(), 2U);
  EXPECT_EQ(admin.syscalls[1].names[0], "mount");
}

TEST(DockerProfile, MistakesAreNamed) {
  const auto parse = [](const char* json) {
    return ParseDockerSeccomp(json, DefaultCapabilities(), Arch::kX86_64, {6, 0});
  };
  EXPECT_FALSE(parse("{").ok());
  EXPECT_FALSE(parse("[]").ok());
  EXPECT_FALSE(parse("{}").ok());
  const auto action = parse(R"({"defaultAction": "SCMP_ACT_MAYBE"})");
  ASSERT_FALSE(action.ok());
  EXPECT_THAT(action.error().Message(), ::testing::HasSubstr("SCMP_ACT_MAYBE"));
  const auto type = parse(R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": "read"}]})");
  ASSERT_FALSE(type.ok());
  EXPECT_THAT(type.error().Message(), ::testing::HasSubstr("syscalls[0].names"));
  EXPECT_FALSE(parse(R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"name": "a", "names": ["b"],
                        "action": "SCMP_ACT_ALLOW"}]})").ok());
  EXPECT_FALSE(parse(R"({"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86"],
                        "archMap": [{"architecture": "SCMP_ARCH_X86_64"}]})").ok());
}

}  // namespace
}  // namespace estiba::security
