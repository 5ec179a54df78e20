// Device rules: as a BPF program, and as v1's devices.allow and devices.deny.

#include <algorithm>

#include "cgroup/settings.h"

namespace estiba::cgroup {
namespace {

constexpr std::size_t kMostRules = 1024;
constexpr int kAllAccess = BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE;

// Registers of the program: the request, loaded once.
enum : unsigned char { kType = 2, kAccess = 3, kMajor = 4, kMinor = 5, kScratch = 6 };

Result<int> AccessBits(const oci::DeviceRule& rule, std::size_t index) {
  int bits = 0;
  for (const char c : rule.access) {
    switch (c) {
      case 'r': bits |= BPF_DEVCG_ACC_READ; break;
      case 'w': bits |= BPF_DEVCG_ACC_WRITE; break;
      case 'm': bits |= BPF_DEVCG_ACC_MKNOD; break;
      default: bits = -1; break;
    }
    if (bits < 0) break;
  }
  if (bits <= 0)
    return Error(Code::kInvalidArgument,
                 "linux.resources.devices[" + std::to_string(index) + "].access: invalid '" + rule.access + "'");
  return bits;
}

class Assembler {
 public:
  // Loads the four parts of bpf_cgroup_dev_ctx; access_type is (access << 16) | type.
  void Prologue() {
    Emit(BPF_LDX | BPF_MEM | BPF_W, kType, 1, offsetof(bpf_cgroup_dev_ctx, access_type), 0);
    Emit(BPF_ALU | BPF_MOV | BPF_X, kAccess, kType, 0, 0);
    Emit(BPF_ALU | BPF_AND | BPF_K, kType, 0, 0, 0xffff);
    Emit(BPF_ALU | BPF_RSH | BPF_K, kAccess, 0, 0, 16);
    Emit(BPF_LDX | BPF_MEM | BPF_W, kMajor, 1, offsetof(bpf_cgroup_dev_ctx, major), 0);
    Emit(BPF_LDX | BPF_MEM | BPF_W, kMinor, 1, offsetof(bpf_cgroup_dev_ctx, minor), 0);
  }
  // Goes on after the rule when the register differs.
  void SkipUnless(unsigned char reg, std::int64_t value) {
    skips_.push_back(program_.size());
    Emit(BPF_JMP32 | BPF_JNE | BPF_K, reg, 0, 0, static_cast<std::int32_t>(value));
  }
  void Return(int verdict) {
    Emit(BPF_ALU | BPF_MOV | BPF_K, 0, 0, 0, verdict);
    Emit(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
  }
  // What is left to be allowed; nothing left is a yes.
  void AllowBits(int bits) {
    Emit(BPF_ALU | BPF_AND | BPF_K, kAccess, 0, 0, kAllAccess & ~bits);
    SkipUnless(kAccess, 0);
    Return(1);
  }
  // A refused bit that is still wanted is a no.
  void DenyBits(int bits) {
    Emit(BPF_ALU | BPF_MOV | BPF_X, kScratch, kAccess, 0, 0);
    Emit(BPF_ALU | BPF_AND | BPF_K, kScratch, 0, 0, bits);
    skips_.push_back(program_.size());
    Emit(BPF_JMP32 | BPF_JEQ | BPF_K, kScratch, 0, 0, 0);
    Return(0);
  }
  void EndRule() {
    for (const std::size_t at : skips_) program_[at].off = static_cast<std::int16_t>(program_.size() - at - 1);
    skips_.clear();
  }
  std::vector<bpf_insn> Take() { return std::move(program_); }

 private:
  void Emit(int code, unsigned char dst, unsigned char src, std::size_t off, std::int32_t imm) {
    bpf_insn insn{};
    insn.code = static_cast<unsigned char>(code);
    insn.dst_reg = dst & 0xf;
    insn.src_reg = src & 0xf;
    insn.off = static_cast<std::int16_t>(off);
    insn.imm = imm;
    program_.push_back(insn);
  }
  std::vector<bpf_insn> program_;
  std::vector<std::size_t> skips_;  // jumps of this rule that wait for its end
};

bool Any(const std::optional<std::int64_t>& number) { return !number || *number == -1; }

Status CheckRule(const oci::DeviceRule& rule, std::size_t index) {
  const std::string where = "linux.resources.devices[" + std::to_string(index) + "]";
  if (rule.type != 'a' && rule.type != 'b' && rule.type != 'c')
    return Error(Code::kInvalidArgument, where + ".type: invalid '" + std::string(1, rule.type) + "'");
  for (const auto& number : {rule.major, rule.minor})
    if (!Any(number) && (*number < 0 || *number > INT32_MAX))
      return Error(Code::kInvalidArgument, where + ": device number " + std::to_string(*number) + " out of range");
  return Ok();
}

std::string V1Rule(char type, const oci::DeviceRule& rule) {
  const auto number = [](const std::optional<std::int64_t>& n) { return Any(n) ? "*" : std::to_string(*n); };
  return std::string(1, type) + " " + number(rule.major) + ":" + number(rule.minor) + " " + rule.access;
}

bool Everything(const oci::DeviceRule& rule) {
  return rule.type == 'a' && Any(rule.major) && Any(rule.minor) && rule.access.find('r') != std::string::npos &&
         rule.access.find('w') != std::string::npos && rule.access.find('m') != std::string::npos;
}

}  // namespace

Result<std::vector<bpf_insn>> DeviceProgram(const std::vector<oci::DeviceRule>& rules) {
  if (rules.empty()) return std::vector<bpf_insn>{};
  if (rules.size() > kMostRules)
    return Error(Code::kInvalidArgument, "linux.resources.devices: more than " + std::to_string(kMostRules) + " rules");
  Assembler out;
  out.Prologue();
  for (std::size_t i = rules.size(); i-- > 0;) {
    const oci::DeviceRule& rule = rules[i];
    TRY(CheckRule(rule, i));
    const int bits = TRY(AccessBits(rule, i));
    if (Everything(rule)) {  // what stands before it can never matter, and the verifier refuses unreachable code
      out.Return(rule.allow ? 1 : 0);
      return out.Take();
    }
    if (rule.type != 'a') out.SkipUnless(kType, rule.type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
    if (!Any(rule.major)) out.SkipUnless(kMajor, *rule.major);
    if (!Any(rule.minor)) out.SkipUnless(kMinor, *rule.minor);
    if (rule.allow) {
      out.AllowBits(bits);
    } else {
      out.DenyBits(bits);
    }
    out.EndRule();
  }
  out.Return(0);
  return out.Take();
}

std::vector<Write> DeviceWrites(const std::vector<oci::DeviceRule>& rules) {
  std::vector<Write> writes;
  const auto add = [&](bool allow, std::string value, std::size_t index) {
    Write write;
    write.controller = "devices";
    write.file = allow ? "devices.allow" : "devices.deny";
    write.value = std::move(value);
    write.field = "linux.resources.devices[" + std::to_string(index) + "]";
    writes.push_back(std::move(write));
  };
  // A new v1 group allows what its parent does; the program refuses what no rule names.
  if (!rules.empty() && !Everything(rules.front())) add(false, "a", 0);
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const oci::DeviceRule& rule = rules[i];
    if (Everything(rule)) {
      add(rule.allow, "a", i);
    } else if (rule.type == 'a') {  // v1's "a" ignores numbers and access
      add(rule.allow, V1Rule('c', rule), i);
      add(rule.allow, V1Rule('b', rule), i);
    } else {
      add(rule.allow, V1Rule(rule.type, rule), i);
    }
  }
  return writes;
}

std::vector<oci::DeviceRule> DefaultDeviceRules() {
  const auto allow = [](char type, std::optional<std::int64_t> major, std::optional<std::int64_t> minor,
                        const char* access) {
    return oci::DeviceRule{.allow = true, .type = type, .major = major, .minor = minor, .access = access};
  };
  return {
      allow('c', {}, {}, "m"),  allow('b', {}, {}, "m"),
      allow('c', 1, 3, "rwm"),  // null
      allow('c', 1, 5, "rwm"),  // zero
      allow('c', 1, 7, "rwm"),  // full
      allow('c', 1, 8, "rwm"),  // random
      allow('c', 1, 9, "rwm"),  // urandom
      allow('c', 5, 0, "rwm"),  // tty
      allow('c', 5, 1, "rwm"),  // console
      allow('c', 5, 2, "rwm"),  // ptmx
      allow('c', 136, {}, "rwm"),  // /dev/pts/*
  };
}

}  // namespace estiba::cgroup
