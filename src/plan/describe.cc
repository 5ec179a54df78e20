// What a step does, in words: the subject of error messages and the lines of Explain.

#include "describe.h"

#include <algorithm>
#include <array>

#include <sched.h>
#include <sys/stat.h>

#include "child/step.h"
#include "security/capability.h"
#include "step_words.h"

namespace estiba::plan {
namespace {

// "fro\0ssize\0001m\0" as "ro,size=1m".
std::string Options(const std::string& blob) {
  std::string options;
  for (std::size_t at = 0; at < blob.size();) {
    const bool flag = blob[at] == 'f';
    const std::string key(blob.c_str() + at + 1);
    at += key.size() + 2;
    options += (options.empty() ? "" : ",") + key;
    if (flag || at >= blob.size()) continue;
    const std::string value(blob.c_str() + at);
    at += value.size() + 1;
    options += "=" + (key.starts_with("pass") ? std::string("***") : value);  // cifs
  }
  return options;
}

}  // namespace

std::string TextAt(const Step& step, std::size_t index) {
  return index < step.text.size() ? step.text[index] : std::string();
}

std::uint64_t NumberAt(const Step& step, std::size_t index) {
  return index < step.numbers.size() ? step.numbers[index] : 0;
}

std::string AttributesText(std::uint64_t attributes) {
  struct Flag {
    std::uint64_t flag;
    const char* name;
  };
  constexpr std::array<Flag, 8> kFlags = {{{1, "ro"}, {2, "nosuid"}, {4, "nodev"}, {8, "noexec"},
                                           {0x10, "noatime"}, {0x20, "strictatime"}, {0x80, "nodiratime"},
                                           {0x200000, "nosymfollow"}}};
  std::string names;
  for (const Flag& flag : kFlags) {
    if ((attributes & flag.flag) == 0) continue;
    names += names.empty() ? "" : ",";
    names += flag.name;
  }
  return names;
}

std::string MountOptionsText(const Step& step) {
  std::string options = AttributesText(NumberAt(step, 0));
  const std::string data = Options(step.blob);
  if (!data.empty()) options += (options.empty() ? "" : ",") + data;
  return options;
}

std::string UmaskText(std::uint64_t mask) {
  std::string text = "0";
  for (const unsigned shift : {6U, 3U, 0U}) text += static_cast<char>('0' + (mask >> shift & 7));
  return text;
}

namespace {

using C = child::Op;

// Words as one would type them: in quotes where a shell would see more than the word.
std::string CommandLine(const std::vector<std::string>& words) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:=@%+,-";
  std::string text;
  for (const std::string& word : words) {
    const bool plain = !word.empty() && word.find_first_not_of(kPlain) == std::string::npos;
    text += (text.empty() ? "" : " ") + (plain ? word : Quote(word));
  }
  return text;
}

// "0.0.0.0:8080 10.0.0.2:80 tcp" as "0.0.0.0:8080 to 10.0.0.2:80 tcp".
std::string Ports(const std::vector<std::string>& ports, Language language) {
  constexpr Words kTo = {" to", " a"};
  std::string text;
  for (std::string port : ports) {
    if (const auto blank = port.find(' '); blank != std::string::npos) port.insert(blank, kTo.In(language));
    text += (text.empty() ? "" : ", ") + port;
  }
  return text;
}

std::string CniNetworks(const Step& step) {
  constexpr std::size_t kFirst = 3;
  std::string text;
  for (std::size_t i = kFirst; i < step.text.size(); ++i) text += (i == kFirst ? "" : ", ") + Quote(step.text[i]);
  return text;
}

std::string Namespaces(std::uint64_t flags) {
  struct Flag {
    std::uint64_t flag;
    const char* name;
  };
  constexpr std::array<Flag, 8> kFlags = {{{CLONE_NEWUSER, "user"}, {CLONE_NEWPID, "pid"}, {CLONE_NEWNS, "mount"},
                                           {CLONE_NEWNET, "network"}, {CLONE_NEWUTS, "uts"}, {CLONE_NEWIPC, "ipc"},
                                           {CLONE_NEWCGROUP, "cgroup"}, {0x80, "time"}}};
  std::string names;
  for (const Flag& flag : kFlags) {
    if ((flags & flag.flag) == 0) continue;
    names += names.empty() ? "" : ", ";
    names += flag.name;
  }
  return names;
}

std::string CapabilityText(std::uint64_t set, Language language) {
  constexpr Words kNone = {"none", "ninguna"};
  constexpr Words kAll = {"all ", "las "};
  if (set == 0) return kNone.In(language);
  std::string text;
  unsigned count = 0;
  for (unsigned number = 0; number < 64; ++number) {
    if ((set >> number & 1) == 0) continue;
    ++count;
    const char* name = security::CapabilityName(number);
    if (name != nullptr) text += (text.empty() ? "" : " ") + std::string(name + 4);
  }
  return count > 20 ? kAll.In(language) + std::to_string(count) : text;
}

std::string LimitText(std::uint64_t value, Language language) {
  constexpr Words kUnlimited = {"unlimited", "sin límite"};
  return value == ~std::uint64_t{0} ? std::string(kUnlimited.In(language)) : std::to_string(value);
}

std::string InParentheses(const std::string& text) { return text.empty() ? text : " (" + text + ")"; }

std::string DeviceText(const Step& step) {
  const char* kind = NumberAt(step, 0) == S_IFBLK ? "b" : NumberAt(step, 0) == S_IFIFO ? "p" : "c";
  return std::string(" (") + kind + " " + std::to_string(NumberAt(step, 1)) + ":" +
         std::to_string(NumberAt(step, 2)) + ")";
}

std::string WriteText(const Step& step, Language language) {
  constexpr Words kOr = {" or ", " o "};
  const std::string text = TextAt(step, 1) + " " + TextAt(step, 2);
  return step.text.size() > 4 ? text + kOr.In(language) + step.text[3] + " " + step.text[4] : text;
}

C ChildOpOf(Op op) {
  return op > Op::kChildBase ? static_cast<C>(static_cast<unsigned>(op) - static_cast<unsigned>(Op::kChildBase))
                             : C::kNone;
}

unsigned OverlayVariant(const Step& step) {
  const unsigned one = step.text.size() == 3 ? 1 : 0;
  if (TextAt(step, 0).empty() && step.why != "root") return 4 + one;
  return one + (NumberAt(step, 2) != 0 ? 2U : 0U);
}

// Which of the sentences of its operation a step has.
unsigned VariantOf(const Step& step) {
  switch (step.op) {
    case Op::kMountImage: return step.in.empty() ? 0 : 1;
    case Op::kMountOverlay: return OverlayVariant(step);
    case Op::kOpenTree: return (NumberAt(step, 7) != 0 ? 1U : 0U) + (step.text.size() > 1 ? 2U : 0U);
    case Op::kOpenNamespace: return NumberAt(step, 1) != 0 ? 1 : 0;
    case Op::kResolveUser: return TextAt(step, 0).empty() ? 1 : 0;
    case Op::kEnsureParent: return TextAt(step, 1).empty() ? 1 : 0;
    case Op::kMoveLink: return TextAt(step, 1).empty() ? 0 : 1;
    default: break;
  }
  switch (ChildOpOf(step.op)) {
    case C::kSetAttributes: return NumberAt(step, 2) != 0 ? 1 : 0;
    case C::kGroups: return NumberAt(step, 0) != 0 ? 1 : 0;
    case C::kIdentity: return step.text.empty() ? 0 : 1;
    case C::kRlimit: return NumberAt(step, 3) != 0 ? 1 : 0;
    default: return 0;
  }
}

std::string HostDetail(const Step& step, Language language) {
  switch (step.op) {
    case Op::kMountOverlay: return std::to_string(step.text.size() > 2 ? step.text.size() - 2 : 0);
    case Op::kMountFilesystem: return InParentheses(MountOptionsText(step));
    case Op::kWriteCgroup: return WriteText(step, language);
    case Op::kCgroupDevices: return std::to_string(step.text.size());
    case Op::kOwnCgroup:
    case Op::kResolveUser: return std::to_string(NumberAt(step, 0));
    case Op::kOomScore: return TextAt(step, 0);
    case Op::kEnsureBridgeLink:
      return (NumberAt(step, 1) != 0 ? ", VLAN " + std::to_string(NumberAt(step, 1)) : "") +
             (TextAt(step, 2).empty() ? "" : ", VRF " + Quote(TextAt(step, 2)));
    case Op::kJoinVlan: return std::to_string(NumberAt(step, 0));
    case Op::kPublishPorts:
    case Op::kUnpublishPorts: return Ports(step.text, language);
    case Op::kCniAdd:
    case Op::kCniDel: return CniNetworks(step);
    default: return {};
  }
}

std::string ChildDetail(const Step& step, Language language) {
  switch (ChildOpOf(step.op)) {
    case C::kMount: return InParentheses(MountOptionsText(step));
    case C::kDevice:
    case C::kBindDevice: return DeviceText(step);
    case C::kSetAttributes: return AttributesText(NumberAt(step, 0));
    case C::kUnshare:
    case C::kSetNamespace: return Namespaces(NumberAt(step, 0));
    case C::kOpenProc:
    case C::kWriteProc: return Quote("/proc/" + TextAt(step, 0));
    case C::kChownStdio: return std::to_string(NumberAt(step, 0));
    case C::kDropBounding:
    case C::kCapabilities: return CapabilityText(NumberAt(step, 0), language);
    case C::kGroups: return std::to_string(step.blob.size() / 4);
    case C::kIdentity: return "uid " + std::to_string(NumberAt(step, 0)) + ", gid " + std::to_string(NumberAt(step, 1));
    case C::kSeccomp: return std::to_string(step.blob.size() / 8);
    case C::kRlimit: return LimitText(NumberAt(step, 1), language) + ":" + LimitText(NumberAt(step, 2), language);
    case C::kLandlockRuleset:
    case C::kLandlockRule: return LandlockText(NumberAt(step, 0));
    case C::kUmask: return UmaskText(NumberAt(step, 0));
    case C::kExec: return CommandLine(step.text);
    default: return {};
  }
}

}  // namespace

std::string Describe(const Step& step, Language language) {
  const unsigned variant = VariantOf(step);
  const auto all = AllStepWords();
  const auto found =
      std::ranges::find_if(all, [&](const StepWords& w) { return w.op == step.op && w.variant == variant; });
  if (found == all.end()) return std::string(OpName(step.op));
  std::array<std::string, 5> operands;
  for (std::size_t i = 0; i < 4; ++i) operands[i] = Quote(TextAt(step, i));
  operands[4] = step.op < Op::kChildBase ? HostDetail(step, language) : ChildDetail(step, language);
  return Fill(found->words.In(language), operands);
}

std::string DescribeNamespaces(std::uint64_t flags) { return Namespaces(flags); }

}  // namespace estiba::plan
