#include "security/capability.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace estiba::security {
namespace {

// By number: uapi/linux/capability.h.
constexpr std::array<const char*, kLastCapability + 1> kNames = {
    "CAP_CHOWN",           "CAP_DAC_OVERRIDE",     "CAP_DAC_READ_SEARCH",    "CAP_FOWNER",
    "CAP_FSETID",          "CAP_KILL",             "CAP_SETGID",             "CAP_SETUID",
    "CAP_SETPCAP",         "CAP_LINUX_IMMUTABLE",  "CAP_NET_BIND_SERVICE",   "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",       "CAP_NET_RAW",          "CAP_IPC_LOCK",           "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",      "CAP_SYS_RAWIO",        "CAP_SYS_CHROOT",         "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",       "CAP_SYS_ADMIN",        "CAP_SYS_BOOT",           "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",    "CAP_SYS_TIME",         "CAP_SYS_TTY_CONFIG",     "CAP_MKNOD",
    "CAP_LEASE",           "CAP_AUDIT_WRITE",      "CAP_AUDIT_CONTROL",      "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",    "CAP_MAC_ADMIN",        "CAP_SYSLOG",             "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",   "CAP_AUDIT_READ",       "CAP_PERFMON",            "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE"};

std::string Canonical(std::string_view name) {
  std::string upper(name);
  std::ranges::transform(upper, upper.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return upper.starts_with("CAP_") ? upper : "CAP_" + upper;
}

bool IsAll(std::string_view name) { return Canonical(name) == "CAP_ALL"; }

// Names without "ALL" as a set.
Result<CapabilitySet> ParseTweaks(const std::vector<std::string>& names, bool& all) {
  CapabilitySet set = 0;
  all = false;
  for (const std::string& name : names) {
    if (IsAll(name)) {
      all = true;
      continue;
    }
    const unsigned number = TRY(ParseCapability(name));
    set |= CapabilityBit(number);
  }
  return set;
}

}  // namespace

const char* CapabilityName(unsigned number) { return number < kNames.size() ? kNames[number] : nullptr; }

Result<unsigned> ParseCapability(std::string_view name) {
  const std::string wanted = Canonical(name);
  for (unsigned number = 0; number < kNames.size(); ++number)
    if (wanted == kNames[number]) return number;
  return Error(Code::kInvalidArgument, "unknown capability: '" + std::string(name) + "'");
}

Result<CapabilitySet> ParseCapabilities(const std::vector<std::string>& names, std::vector<std::string>* unknown) {
  CapabilitySet set = 0;
  for (const std::string& name : names) {
    auto number = ParseCapability(name);
    if (number.ok()) {
      set |= CapabilityBit(*number);
    } else if (unknown != nullptr) {
      unknown->push_back(name);
    } else {
      return std::move(number).error();
    }
  }
  return set;
}

std::vector<std::string> CapabilityNames(CapabilitySet set) {
  std::vector<std::string> names;
  for (unsigned number = 0; number < kNames.size(); ++number)
    if ((set & CapabilityBit(number)) != 0) names.emplace_back(kNames[number]);
  return names;
}

CapabilitySet DefaultCapabilities() {
  constexpr std::array<unsigned, 14> kDefault = {
      0 /*CHOWN*/,  1 /*DAC_OVERRIDE*/,      3 /*FOWNER*/,   4 /*FSETID*/,      5 /*KILL*/,
      6 /*SETGID*/, 7 /*SETUID*/,            8 /*SETPCAP*/,  10 /*NET_BIND_SERVICE*/,
      13 /*NET_RAW*/, 18 /*SYS_CHROOT*/,     27 /*MKNOD*/,   29 /*AUDIT_WRITE*/, 31 /*SETFCAP*/};
  CapabilitySet set = 0;
  for (const unsigned number : kDefault) set |= CapabilityBit(number);
  return set;
}

Result<CapabilitySet> TweakCapabilities(CapabilitySet base, const std::vector<std::string>& add,
                                        const std::vector<std::string>& drop) {
  bool add_all = false;
  bool drop_all = false;
  const CapabilitySet added = TRY_CTX(ParseTweaks(add, add_all), "invalid CapAdd");
  const CapabilitySet dropped = TRY_CTX(ParseTweaks(drop, drop_all), "invalid CapDrop");
  if (add_all) return AllCapabilities() & ~dropped;
  if (drop_all) return added;
  return (base & ~dropped) | added;
}

}  // namespace estiba::security
