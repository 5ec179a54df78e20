// The same rules through libseccomp and through ours must give the same verdict for every call: libseccomp is what
// other runtimes use, and only tests link it.

#include <seccomp.h>

#include <cerrno>

#include <linux/audit.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <random>
#include <set>

#include "bpf_machine.h"
#include "security/seccomp.h"
#include "tests/support.h"

namespace estiba::security {
namespace {

constexpr std::uint32_t kX32Bit = 0x4000'0000;

std::uint32_t ArchToken(Arch arch) {
  return arch == Arch::kX86 ? SCMP_ARCH_X86 : arch == Arch::kX32 ? SCMP_ARCH_X32 : SCMP_ARCH_X86_64;
}

scmp_compare Compare(oci::SeccompOp op) {
  using enum oci::SeccompOp;
  switch (op) {
    case kNotEqual: return SCMP_CMP_NE;
    case kLess: return SCMP_CMP_LT;
    case kLessEqual: return SCMP_CMP_LE;
    case kEqual: return SCMP_CMP_EQ;
    case kGreaterEqual: return SCMP_CMP_GE;
    case kGreater: return SCMP_CMP_GT;
    case kMaskedEqual: return SCMP_CMP_MASKED_EQ;
  }
  return SCMP_CMP_EQ;
}

std::uint32_t Action(oci::SeccompAction action, std::optional<std::uint32_t> errno_ret) {
  if (action == oci::SeccompAction::kErrno) return SCMP_ACT_ERRNO(errno_ret.value_or(EPERM));
  return action == oci::SeccompAction::kAllow ? SCMP_ACT_ALLOW : SCMP_ACT_LOG;
}

// What a runtime does with the specification's rules.
std::vector<sock_filter> ThroughLibseccomp(const oci::Seccomp& seccomp) {
  const std::uint32_t otherwise = Action(seccomp.default_action, seccomp.default_errno_ret);
  scmp_filter_ctx context = ::seccomp_init(otherwise);
  for (const Arch arch : {Arch::kX86, Arch::kX32}) {
    const bool listed = std::ranges::find(seccomp.architectures, ArchName(arch)) != seccomp.architectures.end();
    EXPECT_EQ(listed ? ::seccomp_arch_add(context, ArchToken(arch)) : 0, 0);
  }
  for (const auto& rule : seccomp.syscalls) {
    const std::uint32_t action = Action(rule.action, rule.errno_ret);
    if (action == otherwise) continue;
    for (const std::string& name : rule.names) {
      const int number = ::seccomp_syscall_resolve_name(name.c_str());
      if (number == __NR_SCMP_ERROR) continue;
      std::vector<scmp_arg_cmp> args;
      for (const auto& arg : rule.args) args.push_back({arg.index, Compare(arg.op), arg.value, arg.value_two});
      EXPECT_EQ(::seccomp_rule_add_array(context, action, number, static_cast<unsigned>(args.size()), args.data()), 0)
          << name;
    }
  }
  const int fd = ::memfd_create("filter", MFD_CLOEXEC);
  EXPECT_EQ(::seccomp_export_bpf(context, fd), 0);
  struct stat info {};
  ::fstat(fd, &info);
  std::vector<sock_filter> program(static_cast<std::size_t>(info.st_size) / sizeof(sock_filter));
  EXPECT_EQ(::pread(fd, program.data(), static_cast<std::size_t>(info.st_size), 0), info.st_size);
  ::close(fd);
  ::seccomp_release(context);
  return program;
}

// Only names both know: libseccomp of the day is older than our table, and the other way round.
oci::Seccomp Common(oci::Seccomp seccomp) {
  for (auto& rule : seccomp.syscalls) {
    std::erase_if(rule.names, [](const std::string& name) {
      return ::seccomp_syscall_resolve_name(name.c_str()) == __NR_SCMP_ERROR;
    });
  }
  std::erase_if(seccomp.syscalls, [](const oci::SeccompRule& rule) { return rule.names.empty(); });
  return seccomp;
}

int LastNamed(const oci::Seccomp& seccomp, Arch arch) {
  int last = 0;
  for (const auto& rule : seccomp.syscalls)
    for (const std::string& name : rule.names) last = std::max(last, SyscallNumber(arch, name));
  return last;
}

class Comparison {
 public:
  explicit Comparison(const oci::Seccomp& given) : seccomp_(Common(given)), theirs_(ThroughLibseccomp(seccomp_)) {
    auto compiled = CompileSeccomp(seccomp_, Arch::kX86_64);
    EXPECT_TRUE(compiled.ok());
    if (compiled.ok()) ours_ = std::move(compiled).value().program;
    for (const auto& rule : seccomp_.syscalls)
      for (const auto& arg : rule.args)
        for (const std::uint64_t value : {arg.value, arg.value_two})
          for (const std::uint64_t near : {value - 1, value, value + 1, value + 0x1'0000'0000, ~value})
            interesting_.insert(near);
    interesting_.insert({0, 1, UINT64_MAX});
    values_.assign(interesting_.begin(), interesting_.end());
  }
  const std::vector<sock_filter>& ours() const { return ours_; }
  const std::vector<sock_filter>& theirs() const { return theirs_; }
  void Run(unsigned rounds) {
    for (const Arch arch : {Arch::kX86_64, Arch::kX86, Arch::kX32})
      for (int number = 0; number <= LastNamed(seccomp_, arch); ++number)
        for (unsigned round = 0; round < rounds; ++round) One(arch, number);
  }

 private:
  void One(Arch arch, int number) {
    seccomp_data data{};
    data.arch = arch == Arch::kX86 ? AUDIT_ARCH_I386 : AUDIT_ARCH_X86_64;
    data.nr = arch == Arch::kX32 ? static_cast<int>(static_cast<std::uint32_t>(number) | kX32Bit) : number;
    for (auto& arg : data.args) {
      arg = values_[random_() % values_.size()];
      if (arch == Arch::kX86) arg &= 0xffffffff;  // as the kernel fills it
    }
    ASSERT_EQ(RunFilter(ours_, data), RunFilter(theirs_, data))
        << ArchName(arch) << " " << SyscallName(arch, number) << " (" << number << ") " << std::hex << data.args[0]
        << " " << data.args[1] << Rules();
  }
  std::string Rules() const {
    std::string text;
    for (const auto& rule : seccomp_.syscalls) {
      text += "\n ";
      for (const auto& name : rule.names) text += " " + name;
      for (const auto& arg : rule.args)
        text += " [" + std::to_string(arg.index) + "] " + std::to_string(static_cast<int>(arg.op)) + " " +
                std::to_string(arg.value) + " " + std::to_string(arg.value_two);
    }
    return text;
  }

  oci::Seccomp seccomp_;
  std::vector<sock_filter> theirs_;
  std::vector<sock_filter> ours_;
  std::set<std::uint64_t> interesting_;
  std::vector<std::uint64_t> values_;
  std::mt19937_64 random_{42};  // the same every time: a failure can be looked at
};

TEST(AgainstLibseccomp, TheCallTablesAgree) {
  unsigned compared = 0;
  for (const Arch arch : {Arch::kX86_64, Arch::kX86, Arch::kX32}) {
    for (int number = 0; number < 600; ++number) {
      const std::string name(SyscallName(arch, number));
      if (name.empty()) continue;
      const int theirs = ::seccomp_syscall_resolve_name_arch(ArchToken(arch), name.c_str());
      if (theirs < 0) continue;  // unknown, or one of its stand-ins for multiplexed calls
      EXPECT_EQ(theirs & ~static_cast<int>(kX32Bit), number) << name << " " << ArchName(arch);
      ++compared;
    }
  }
  EXPECT_GT(compared, 1000U);
}

TEST(AgainstLibseccomp, TheDefaultProfileDecidesTheSame) {
  for (const CapabilitySet capabilities : {DefaultCapabilities(), AllCapabilities(), CapabilitySet{0}}) {
    Comparison comparison(DefaultSeccompProfile(capabilities, Arch::kX86_64, {.major = 6}));
    comparison.Run(40);
    RecordProperty("instructions", static_cast<int>(comparison.ours().size()));
    RecordProperty("libseccomp_instructions", static_cast<int>(comparison.theirs().size()));
  }
}

TEST(AgainstLibseccomp, RandomRulesDecideTheSame) {
  std::mt19937 random(7);
  for (int round = 0; round < 60; ++round) {
    oci::Seccomp seccomp;
    seccomp.default_action = random() % 2 == 0 ? oci::SeccompAction::kErrno : oci::SeccompAction::kAllow;
    seccomp.architectures = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"};
    const bool allows = seccomp.default_action == oci::SeccompAction::kErrno;
    // One rule a call: libseccomp 2.5.4 merges several LE and GE rules of one call wrongly. Compile.Random… in
    // seccomp_test.cc has several.
    std::vector<std::string> names = {"read",  "ioctl", "mmap",    "personality", "clone",     "openat",
                                      "statx", "futex", "chown32", "readv",       "pidfd_open"};
    std::ranges::shuffle(names, random);
    while (names.size() > 2) {
      oci::SeccompRule rule;
      rule.names = {names[0], names[1]};
      names.erase(names.begin(), names.begin() + 2);
      rule.action = allows ? oci::SeccompAction::kAllow : oci::SeccompAction::kErrno;
      rule.errno_ret = 13;
      std::uint32_t index = 0;
      for (unsigned a = 0; a < random() % 3; ++a) {
        const auto op = static_cast<oci::SeccompOp>(random() % 7);
        const std::uint64_t value = random() % 2 == 0 ? random() % 8 : random();
        rule.args.push_back({.index = index++, .op = op, .value = value, .value_two = value & random()});
      }
      seccomp.syscalls.push_back(rule);
    }
    // Without conditions: with them libseccomp compares what lies behind socketcall's pointer, and we refuse.
    seccomp.syscalls.push_back({.names = {"socket", "semctl"}, .action = seccomp.syscalls[0].action, .errno_ret = 13});
    Comparison comparison(seccomp);
    comparison.Run(60);
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace estiba::security
