#pragma once
// Writes classic BPF for seccomp: call tables to a binary search, conditions to comparisons of 32-bit halves.

#include <cstdint>
#include <map>
#include <vector>

#include <linux/filter.h>

#include "oci/runtime_spec.h"

namespace estiba::security {

// Conditions that must all hold, and what is then returned.
struct ArgRule {
  std::vector<oci::SeccompArg> args;
  std::uint32_t verdict = 0;
};

// What happens to one call.
struct CallRules {
  bool always = false;  // `verdict`, whatever the arguments
  std::uint32_t verdict = 0;
  std::vector<ArgRule> rules;  // the first that matches; none: the default
};

// One calling convention's calls.
struct CallMap {
  std::map<std::uint32_t, CallRules> calls;
  bool wide = true;                  // arguments have 64 bits
  std::uint32_t base = 0;            // added to every number (x32's bit)
  std::uint32_t last = 0;            // above this number `newer` is returned
  std::uint32_t otherwise = 0;       // verdict of a call no rule names
  std::uint32_t newer = 0;
};

class BpfWriter {
 public:
  static constexpr std::size_t kMost = BPF_MAXINSNS;

  void Load(std::uint32_t offset) { Emit(BPF_LD | BPF_W | BPF_ABS, 0, 0, offset); }
  void Return(std::uint32_t verdict) { Emit(BPF_RET | BPF_K, 0, 0, verdict); }
  // A jump to be aimed later by Land, taken when the accumulator is `value` (or at least).
  std::size_t JumpIfEqual(std::uint32_t value) { return JumpIf(BPF_JEQ, value); }
  std::size_t JumpIfAtLeast(std::uint32_t value) { return JumpIf(BPF_JGE, value); }
  void Land(std::size_t jump) { program_[jump].k = static_cast<std::uint32_t>(program_.size() - jump - 1); }
  // The search over the map's calls; the accumulator holds the number. Every path ends in a return.
  void Search(const CallMap& map);

  const std::vector<sock_filter>& program() const { return program_; }
  std::vector<sock_filter> Take() { return std::move(program_); }

 private:
  struct Segment {
    std::uint32_t start;
    const CallRules* rules;
  };
  void Emit(int code, std::uint8_t jt, std::uint8_t jf, std::uint32_t k) {
    program_.push_back({static_cast<std::uint16_t>(code), jt, jf, k});
  }
  std::size_t JumpIf(int test, std::uint32_t value);
  void Tree(const std::vector<Segment>& segments, std::size_t from, std::size_t to, const CallMap& map);
  void Leaf(const CallRules& rules, const CallMap& map);
  void Conditions(const ArgRule& rule, bool wide);
  void Compare(const oci::SeccompArg& arg, bool wide);
  // A test whose false (or true) way leads past the rule; aimed when the rule ends.
  void FailUnless(int test, std::uint32_t value);
  void FailIf(int test, std::uint32_t value);

  std::vector<sock_filter> program_;
  std::vector<std::pair<std::size_t, bool>> fails_;  // instruction, and whether its true way is the one to aim
};

}  // namespace estiba::security
