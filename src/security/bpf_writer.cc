#include "bpf_writer.h"

#include <cstddef>

#include <linux/seccomp.h>

namespace estiba::security {
namespace {

constexpr std::uint32_t Low(std::uint64_t value) { return static_cast<std::uint32_t>(value); }
constexpr std::uint32_t High(std::uint64_t value) { return static_cast<std::uint32_t>(value >> 32); }

// Both architectures of ours are little-endian: the low half comes first.
std::uint32_t LowOffset(std::uint32_t index) {
  return static_cast<std::uint32_t>(offsetof(seccomp_data, args) + 8 * std::size_t{index});
}
std::uint32_t HighOffset(std::uint32_t index) { return LowOffset(index) + 4; }

bool SameVerdict(const CallRules& a, const CallRules& b) { return a.always && b.always && a.verdict == b.verdict; }

}  // namespace

std::size_t BpfWriter::JumpIf(int test, std::uint32_t value) {
  // Conditional jumps reach 255 instructions only; JA reaches everywhere.
  Emit(BPF_JMP | test | BPF_K, 0, 1, value);
  Emit(BPF_JMP | BPF_JA, 0, 0, 0);
  return program_.size() - 1;
}

void BpfWriter::Search(const CallMap& map) {
  const CallRules otherwise{.always = true, .verdict = map.otherwise, .rules = {}};
  const CallRules newer{.always = true, .verdict = map.newer, .rules = {}};
  std::vector<Segment> segments;
  const auto add = [&](std::uint32_t start, const CallRules* rules) {
    if (segments.empty() || !SameVerdict(*segments.back().rules, *rules)) segments.push_back({start, rules});
  };
  std::uint32_t next = 0;  // the first number no segment covers yet
  for (const auto& [number, rules] : map.calls) {
    if (number > next) add(next, &otherwise);
    add(number, &rules);
    next = number + 1;
  }
  if (next <= map.last) add(next, &otherwise);
  add(map.last + 1, &newer);
  Tree(segments, 0, segments.size(), map);
}

void BpfWriter::Tree(const std::vector<Segment>& segments, std::size_t from, std::size_t to, const CallMap& map) {
  if (program_.size() > kMost) return;  // too long already: the caller refuses it
  if (to - from == 1) return Leaf(*segments[from].rules, map);
  const std::size_t middle = from + (to - from) / 2;
  const std::size_t test = program_.size();
  const std::size_t upper = JumpIfAtLeast(map.base + segments[middle].start);
  Tree(segments, from, middle, map);
  const std::size_t distance = program_.size() - upper - 1;
  if (distance <= 254) {  // near enough after all: one instruction instead of two
    program_.erase(program_.begin() + static_cast<std::ptrdiff_t>(upper));
    program_[test].jt = static_cast<std::uint8_t>(distance);
    program_[test].jf = 0;
  } else {
    Land(upper);
  }
  Tree(segments, middle, to, map);
}

void BpfWriter::Leaf(const CallRules& rules, const CallMap& map) {
  if (rules.always) return Return(rules.verdict);
  for (const ArgRule& rule : rules.rules) Conditions(rule, map.wide);
  Return(map.otherwise);
}

void BpfWriter::Conditions(const ArgRule& rule, bool wide) {
  fails_.clear();
  for (const oci::SeccompArg& arg : rule.args) Compare(arg, wide);
  Return(rule.verdict);
  // At most six comparisons of seven instructions: always within reach.
  for (const auto& [at, when_true] : fails_) {
    const auto distance = static_cast<std::uint8_t>(program_.size() - at - 1);
    (when_true ? program_[at].jt : program_[at].jf) = distance;
  }
}

void BpfWriter::FailUnless(int test, std::uint32_t value) {
  fails_.emplace_back(program_.size(), false);
  Emit(BPF_JMP | test | BPF_K, 0, 0, value);
}

void BpfWriter::FailIf(int test, std::uint32_t value) {
  fails_.emplace_back(program_.size(), true);
  Emit(BPF_JMP | test | BPF_K, 0, 0, value);
}

// Compares the high half where there is one, then the low half: each emits a fall through on success.
void BpfWriter::Compare(const oci::SeccompArg& arg, bool wide) {
  using enum oci::SeccompOp;
  const std::uint64_t value = arg.value;
  const auto test_masked = [&](std::uint32_t offset, std::uint32_t mask, std::uint32_t wanted) {
    Load(offset);
    if (mask != UINT32_MAX) Emit(BPF_ALU | BPF_AND | BPF_K, 0, 0, mask);
    FailUnless(BPF_JEQ, wanted);
  };
  if (arg.op == kEqual) {
    if (wide) test_masked(HighOffset(arg.index), UINT32_MAX, High(value));
    test_masked(LowOffset(arg.index), UINT32_MAX, Low(value));
    return;
  }
  if (arg.op == kMaskedEqual) {
    if (wide) test_masked(HighOffset(arg.index), High(value), High(arg.value_two));
    test_masked(LowOffset(arg.index), Low(value), Low(arg.value_two));
    return;
  }
  // load high; decided there → skip the low half: 2 instructions (load, test) when it passes.
  const bool greater = arg.op == kGreater || arg.op == kGreaterEqual;
  if (wide) {
    Load(HighOffset(arg.index));
    if (arg.op == kNotEqual) {
      Emit(BPF_JMP | BPF_JEQ | BPF_K, 0, 2, High(value));  // differs: passed
    } else if (greater) {
      Emit(BPF_JMP | BPF_JGT | BPF_K, 3, 0, High(value));  // larger: passed
      FailUnless(BPF_JEQ, High(value));
    } else {
      FailIf(BPF_JGT, High(value));
      Emit(BPF_JMP | BPF_JEQ | BPF_K, 0, 2, High(value));  // smaller: passed
    }
  }
  Load(LowOffset(arg.index));
  switch (arg.op) {
    case kNotEqual: return FailIf(BPF_JEQ, Low(value));
    case kGreater: return FailUnless(BPF_JGT, Low(value));
    case kGreaterEqual: return FailUnless(BPF_JGE, Low(value));
    case kLess: return FailIf(BPF_JGE, Low(value));
    case kLessEqual: return FailIf(BPF_JGT, Low(value));
    case kEqual:
    case kMaskedEqual: return;
  }
}

}  // namespace estiba::security
