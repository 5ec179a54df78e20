// Rules to call maps, call maps to a program.

#include <cerrno>
#include <cstddef>

#include <linux/audit.h>
#include <linux/seccomp.h>

#include <algorithm>
#include <array>
#include <optional>

#include "bpf_writer.h"
#include "oci/runtime_json.h"
#include "security/seccomp.h"

namespace estiba::security {
namespace {

constexpr std::uint32_t kX32Bit = 0x4000'0000;  // __X32_SYSCALL_BIT
constexpr std::uint32_t kNoCall = UINT32_MAX;   // a tracer's -1

// Calls that i386 also reaches through socketcall(2) and ipc(2): the first argument says which.
struct Multiplexed {
  std::string_view name;
  std::string_view through;
  std::uint32_t selector;
};
constexpr std::array<Multiplexed, 32> kMultiplexed = {{
    {"socket", "socketcall", 1},
    {"bind", "socketcall", 2},
    {"connect", "socketcall", 3},
    {"listen", "socketcall", 4},
    {"accept", "socketcall", 5},
    {"getsockname", "socketcall", 6},
    {"getpeername", "socketcall", 7},
    {"socketpair", "socketcall", 8},
    {"send", "socketcall", 9},
    {"recv", "socketcall", 10},
    {"sendto", "socketcall", 11},
    {"recvfrom", "socketcall", 12},
    {"shutdown", "socketcall", 13},
    {"setsockopt", "socketcall", 14},
    {"getsockopt", "socketcall", 15},
    {"sendmsg", "socketcall", 16},
    {"recvmsg", "socketcall", 17},
    {"accept4", "socketcall", 18},
    {"recvmmsg", "socketcall", 19},
    {"sendmmsg", "socketcall", 20},
    {"semop", "ipc", 1},
    {"semget", "ipc", 2},
    {"semctl", "ipc", 3},
    {"semtimedop", "ipc", 4},
    {"msgsnd", "ipc", 11},
    {"msgrcv", "ipc", 12},
    {"msgget", "ipc", 13},
    {"msgctl", "ipc", 14},
    {"shmat", "ipc", 21},
    {"shmdt", "ipc", 22},
    {"shmget", "ipc", 23},
    {"shmctl", "ipc", 24},
}};

constexpr std::array<std::string_view, 24> kKnownArchitectures = {
    "SCMP_ARCH_X86",     "SCMP_ARCH_X86_64",   "SCMP_ARCH_X32",         "SCMP_ARCH_ARM",
    "SCMP_ARCH_AARCH64", "SCMP_ARCH_MIPS",     "SCMP_ARCH_MIPS64",      "SCMP_ARCH_MIPS64N32",
    "SCMP_ARCH_MIPSEL",  "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_PPC",
    "SCMP_ARCH_PPC64",   "SCMP_ARCH_PPC64LE",  "SCMP_ARCH_S390",        "SCMP_ARCH_S390X",
    "SCMP_ARCH_PARISC",  "SCMP_ARCH_PARISC64", "SCMP_ARCH_RISCV64",     "SCMP_ARCH_LOONGARCH64",
    "SCMP_ARCH_M68K",    "SCMP_ARCH_SH",       "SCMP_ARCH_SHEB",        "SCMP_ARCH_NATIVE"};

Result<std::uint32_t> Verdict(oci::SeccompAction action, const std::optional<std::uint32_t>& errno_ret,
                              const std::string& where) {
  constexpr std::uint32_t kMaxErrno = 4095;
  const std::uint32_t data = errno_ret.value_or(EPERM);
  switch (action) {
    case oci::SeccompAction::kKillThread: return std::uint32_t{SECCOMP_RET_KILL_THREAD};
    case oci::SeccompAction::kKillProcess: return std::uint32_t{SECCOMP_RET_KILL_PROCESS};
    case oci::SeccompAction::kTrap: return std::uint32_t{SECCOMP_RET_TRAP};
    case oci::SeccompAction::kAllow: return std::uint32_t{SECCOMP_RET_ALLOW};
    case oci::SeccompAction::kLog: return std::uint32_t{SECCOMP_RET_LOG};
    case oci::SeccompAction::kNotify: return std::uint32_t{SECCOMP_RET_USER_NOTIF};
    case oci::SeccompAction::kErrno:
      if (data > kMaxErrno)
        return Error(Code::kInvalidArgument, where + ": " + std::to_string(data) + " is not an error number");
      return std::uint32_t{SECCOMP_RET_ERRNO | data};
    case oci::SeccompAction::kTrace:
      if (data > SECCOMP_RET_DATA)
        return Error(Code::kInvalidArgument, where + ": " + std::to_string(data) + " does not fit 16 bits");
      return std::uint32_t{SECCOMP_RET_TRACE | data};
  }
  return Error(Code::kInvalidArgument, where + ": unknown action");
}

void AddRule(CallMap& map, int number, std::vector<oci::SeccompArg> args, std::uint32_t verdict) {
  CallRules& call = map.calls[static_cast<std::uint32_t>(number)];
  if (call.always) return;
  if (args.empty()) {
    call = {.always = true, .verdict = verdict, .rules = {}};
  } else {
    call.rules.push_back({.args = std::move(args), .verdict = verdict});
  }
}

// One rule's conditions as the conjunctions it stands for: two on one argument make each its own.
std::vector<std::vector<oci::SeccompArg>> Alternatives(const std::vector<oci::SeccompArg>& args) {
  std::array<unsigned, 6> uses{};
  bool twice = false;
  for (const oci::SeccompArg& arg : args) twice = ++uses.at(arg.index) > 1 || twice;
  if (!twice) return {args};
  std::vector<std::vector<oci::SeccompArg>> each;
  for (const oci::SeccompArg& arg : args) each.push_back({arg});
  return each;
}

Status CheckRule(const oci::SeccompRule& rule, const std::string& where) {
  if (rule.names.empty()) return Error(Code::kInvalidArgument, where + ".names: empty");
  for (const oci::SeccompArg& arg : rule.args)
    if (arg.index > 5)
      return Error(Code::kInvalidArgument,
                   where + ".args: index " + std::to_string(arg.index) + " is above 5");
  const bool on_write = std::ranges::find(rule.names, "write") != rule.names.end();
  if (rule.action == oci::SeccompAction::kNotify &&
      on_write)  // the supervisor learns of it by a write: deadlock
    return Error(Code::kInvalidArgument, where + ": SCMP_ACT_NOTIFY cannot be used for the write syscall");
  return Ok();
}

void AddName(CallMap& map, Arch arch, const std::string& name, const oci::SeccompRule& rule,
             std::uint32_t verdict) {
  const int number = SyscallNumber(arch, name);
  if (number >= 0) {
    map.last = std::max(map.last, static_cast<std::uint32_t>(number));
    if (verdict != map.otherwise)
      for (auto& args : Alternatives(rule.args)) AddRule(map, number, std::move(args), verdict);
  }
  if (arch != Arch::kX86 || verdict == map.otherwise) return;
  const auto found = std::ranges::find(kMultiplexed, name, &Multiplexed::name);
  if (found == kMultiplexed.end()) return;
  // The call's arguments lie behind a pointer and cannot be looked at: with conditions, what would be let
  // through some of the time is not let through here, and what would be refused some of the time always is.
  const bool lets_through =
      rule.action == oci::SeccompAction::kAllow || rule.action == oci::SeccompAction::kLog;
  if (!rule.args.empty() && lets_through) return;
  AddRule(map, SyscallNumber(arch, found->through),
          {{.index = 0, .op = oci::SeccompOp::kEqual, .value = found->selector}}, verdict);
}

Result<CallMap> MapOf(Arch arch, const oci::Seccomp& seccomp) {
  CallMap map;
  map.wide = arch == Arch::kX86_64 || arch == Arch::kAarch64;
  map.base = arch == Arch::kX32 ? kX32Bit : 0;
  map.otherwise =
      TRY(Verdict(seccomp.default_action, seccomp.default_errno_ret, "linux.seccomp.defaultErrnoRet"));
  for (std::size_t i = 0; i < seccomp.syscalls.size(); ++i) {
    const oci::SeccompRule& rule = seccomp.syscalls[i];
    const std::string where = "linux.seccomp.syscalls[" + std::to_string(i) + "]";
    TRY(CheckRule(rule, where));
    const std::uint32_t verdict = TRY(Verdict(rule.action, rule.errno_ret, where + ".errnoRet"));
    for (const std::string& name : rule.names) AddName(map, arch, name, rule, verdict);
  }
  for (auto it = map.calls.begin(); it != map.calls.end();) {
    if (it->second.always && it->second.verdict == map.otherwise) {
      it = map.calls.erase(it);
    } else {
      map.last = std::max(map.last, it->first);
      ++it;
    }
  }
  const bool permissive = seccomp.default_action == oci::SeccompAction::kAllow ||
                          seccomp.default_action == oci::SeccompAction::kLog;
  map.newer = permissive ? map.otherwise : std::uint32_t{SECCOMP_RET_ERRNO | ENOSYS};
  return map;
}

bool Listed(const oci::Seccomp& seccomp, Arch arch) {
  return std::ranges::find(seccomp.architectures, ArchName(arch)) != seccomp.architectures.end();
}

// x86-64 and x32 share an architecture; a bit of the call's number tells them apart.
Status WriteX86_64(const oci::Seccomp& seccomp, BpfWriter& out) {
  const CallMap map = TRY(MapOf(Arch::kX86_64, seccomp));
  out.Load(offsetof(seccomp_data, nr));
  const std::size_t x32 = out.JumpIfAtLeast(kX32Bit);
  out.Search(map);
  out.Land(x32);
  const std::size_t none = out.JumpIfEqual(kNoCall);
  if (Listed(seccomp, Arch::kX32)) {
    const CallMap x32_map = TRY(MapOf(Arch::kX32, seccomp));
    out.Search(x32_map);
  } else {
    out.Return(SECCOMP_RET_KILL_THREAD);
  }
  out.Land(none);
  out.Return(map.newer);
  return Ok();
}

Status WriteOne(Arch arch, const oci::Seccomp& seccomp, BpfWriter& out) {
  const CallMap map = TRY(MapOf(arch, seccomp));
  out.Load(offsetof(seccomp_data, nr));
  out.Search(map);
  return Ok();
}

Status WriteProgram(const oci::Seccomp& seccomp, Arch native, BpfWriter& out) {
  out.Load(offsetof(seccomp_data, arch));
  if (native == Arch::kAarch64) {
    const std::size_t ours = out.JumpIfEqual(AUDIT_ARCH_AARCH64);
    out.Return(SECCOMP_RET_KILL_THREAD);
    out.Land(ours);
    return WriteOne(Arch::kAarch64, seccomp, out);
  }
  const std::size_t x86_64 = out.JumpIfEqual(AUDIT_ARCH_X86_64);
  if (Listed(seccomp, Arch::kX86)) {
    const std::size_t x86 = out.JumpIfEqual(AUDIT_ARCH_I386);
    out.Return(SECCOMP_RET_KILL_THREAD);
    out.Land(x86);
    TRY(WriteOne(Arch::kX86, seccomp, out));
  } else {
    out.Return(SECCOMP_RET_KILL_THREAD);
  }
  out.Land(x86_64);
  return WriteX86_64(seccomp, out);
}

Result<std::uint32_t> Flags(const oci::Seccomp& seccomp) {
  if (!seccomp.flags) return std::uint32_t{SECCOMP_FILTER_FLAG_SPEC_ALLOW};
  std::uint32_t flags = 0;
  for (const std::string& flag : *seccomp.flags) {
    if (flag == "SECCOMP_FILTER_FLAG_TSYNC") {
      flags |= SECCOMP_FILTER_FLAG_TSYNC;
    } else if (flag == "SECCOMP_FILTER_FLAG_LOG") {
      flags |= SECCOMP_FILTER_FLAG_LOG;
    } else if (flag == "SECCOMP_FILTER_FLAG_SPEC_ALLOW") {
      flags |= SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    } else if (flag == "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV") {
      flags |= SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    } else {
      return Error(Code::kInvalidArgument, "linux.seccomp.flags: seccomp flag '" + flag + "' is not known");
    }
  }
  return flags;
}

}  // namespace

Result<CompiledSeccomp> CompileSeccomp(const oci::Seccomp& seccomp, Arch native) {
  if (seccomp.default_action == oci::SeccompAction::kNotify)
    return Error(Code::kInvalidArgument,
                 "linux.seccomp.defaultAction: SCMP_ACT_NOTIFY cannot be used as default action");
  for (const std::string& name : seccomp.architectures)
    if (std::ranges::find(kKnownArchitectures, name) == kKnownArchitectures.end())
      return Error(Code::kInvalidArgument,
                   "linux.seccomp.architectures: unknown architecture '" + name + "'");
  CompiledSeccomp compiled;
  compiled.flags = TRY(Flags(seccomp));
  compiled.has_notify = std::ranges::any_of(seccomp.syscalls, [](const oci::SeccompRule& rule) {
    return rule.action == oci::SeccompAction::kNotify;
  });
  BpfWriter out;
  TRY(WriteProgram(seccomp, native, out));
  if (out.program().size() > BpfWriter::kMost)
    return Error(Code::kOutOfRange, "linux.seccomp: the rules make a program of more than " +
                                        std::to_string(BpfWriter::kMost) + " instructions");
  compiled.program = out.Take();
  return compiled;
}

}  // namespace estiba::security
