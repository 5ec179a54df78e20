// Reads our own profile text (profiles/default.inc) for one container.

#include <sys/utsname.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "base/text.h"
#include "security/seccomp.h"

namespace estiba::security {
namespace {

constexpr std::string_view kProfile =
#include "profiles/default.inc"
    ;

// The text is ours: what does not parse is a bug, caught by the tests.
[[noreturn]] void Bug() { std::abort(); }

std::uint64_t Number(std::string_view text) {
  const bool hex = text.starts_with("0x");
  if (hex) text.remove_prefix(2);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, hex ? 16 : 10);
  if (error != std::errc() || end != text.data() + text.size()) Bug();
  return value;
}

std::vector<std::string> Words(std::string_view text) {
  auto words = Split(text, ' ');
  std::erase(words, "");
  return words;
}

struct Facts {
  CapabilitySet capabilities;
  Arch native;
  KernelVersion kernel;
};

bool AtLeast(KernelVersion have, std::string_view wanted) {
  const KernelVersion least = ParseKernelVersion(wanted);
  return have.major != least.major ? have.major > least.major : have.minor >= least.minor;
}

// One head's meaning: does it hold here, and the arguments it still asks for, each list a rule of its own.
struct Head {
  bool holds = true;
  std::vector<std::vector<oci::SeccompArg>> args;
};

void AddValues(const std::vector<std::string>& words, std::uint32_t index, Head& head) {
  for (std::size_t i = 3; i < words.size(); ++i) {
    const auto dash = words[i].find('-');
    const std::uint64_t low = Number(std::string_view(words[i]).substr(0, dash));
    const std::uint64_t high = dash == std::string::npos ? low : Number(std::string_view(words[i]).substr(dash + 1));
    if (low == 0 && high > 0) {
      head.args.push_back({{.index = index, .op = oci::SeccompOp::kLessEqual, .value = high}});
      continue;
    }
    for (std::uint64_t value = low; value <= high; ++value)
      head.args.push_back({{.index = index, .op = oci::SeccompOp::kEqual, .value = value}});
  }
}

// "cap SYS_ADMIN", "arch amd64", "kernel 4.8", "arg 0 in 1 2-5", "arg 0 masked 0x7e 0".
bool Holds(const std::vector<std::string>& words, const Facts& facts, Head& head) {
  const std::string& kind = words.at(0);
  if (kind == "cap") {
    auto number = ParseCapability(words.at(1));
    if (!number.ok()) Bug();
    return (facts.capabilities & CapabilityBit(*number)) != 0;
  }
  if (kind == "arch")
    return std::ranges::find(words, facts.native == Arch::kAarch64 ? "arm64" : "amd64") != words.end();
  if (kind == "kernel") return AtLeast(facts.kernel, words.at(1));
  if (kind != "arg") Bug();
  const auto index = static_cast<std::uint32_t>(Number(words.at(1)));
  if (words.at(2) == "in") {
    AddValues(words, index, head);
  } else if (words.at(2) == "masked") {
    head.args.push_back({{.index = index,
                          .op = oci::SeccompOp::kMaskedEqual,
                          .value = Number(words.at(3)),
                          .value_two = Number(words.at(4))}});
  } else {
    Bug();
  }
  return true;
}

// "allow if cap X, unless arg …", "errno 38 unless cap X".
Head ReadHead(std::string_view line, const Facts& facts, oci::SeccompRule& rule) {
  Head head;
  line.remove_suffix(1);  // ':'
  bool first = true;
  for (const std::string& condition : Split(line, ',')) {
    auto words = Words(condition);
    if (first && words.at(0) == "errno") {
      rule.action = oci::SeccompAction::kErrno;
      rule.errno_ret = static_cast<std::uint32_t>(Number(words.at(1)));
      words.erase(words.begin());
    } else if (first && words.at(0) != "allow") {
      Bug();
    }
    if (first) words.erase(words.begin());
    first = false;
    if (words.empty()) continue;
    const bool unless = words.at(0) == "unless";
    if (!unless && words.at(0) != "if") Bug();
    words.erase(words.begin());
    head.holds = head.holds && Holds(words, facts, head) != unless;
  }
  return head;
}

void Append(const Head& head, oci::SeccompRule rule, oci::Seccomp& profile) {
  if (!head.holds || rule.names.empty()) return;
  if (head.args.empty()) profile.syscalls.push_back(rule);
  for (const auto& args : head.args) {
    rule.args = args;
    profile.syscalls.push_back(rule);
  }
}

}  // namespace

KernelVersion ParseKernelVersion(std::string_view release) {
  KernelVersion version;
  const char* const end = release.data() + release.size();
  const auto [dot, error] = std::from_chars(release.data(), end, version.major);
  if (error != std::errc()) return {};
  if (dot != end && *dot == '.') std::from_chars(dot + 1, end, version.minor);
  return version;
}

KernelVersion CurrentKernelVersion() {
  utsname names{};
  return ::uname(&names) == 0 ? ParseKernelVersion(names.release) : KernelVersion{};
}

oci::Seccomp DefaultSeccompProfile(CapabilitySet capabilities, Arch native, KernelVersion kernel) {
  const Facts facts{.capabilities = capabilities, .native = native, .kernel = kernel};
  oci::Seccomp profile;
  profile.default_action = oci::SeccompAction::kErrno;
  profile.architectures = {ArchName(native)};
  if (native == Arch::kX86_64) profile.architectures = {ArchName(native), ArchName(Arch::kX86), ArchName(Arch::kX32)};
  Head head;
  oci::SeccompRule rule;
  for (const std::string& line : Split(kProfile, '\n')) {
    if (line.empty() || line.starts_with('#')) continue;
    if (line.starts_with(' ')) {
      for (std::string& name : Words(line)) rule.names.push_back(std::move(name));
      continue;
    }
    Append(head, std::move(rule), profile);
    rule = {};
    head = {};
    if (line.starts_with("default errno ")) {
      profile.default_errno_ret = static_cast<std::uint32_t>(Number(line.substr(14)));
    } else {
      head = ReadHead(line, facts, rule);
    }
  }
  Append(head, std::move(rule), profile);
  return profile;
}

}  // namespace estiba::security
