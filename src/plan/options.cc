#include <linux/mount.h>

#include <algorithm>

#include "builder.h"

namespace estiba::plan {
namespace {

constexpr std::uint64_t kMsUnbindable = 1U << 17;
constexpr std::uint64_t kMsPrivate = 1U << 18;
constexpr std::uint64_t kMsSlave = 1U << 19;
constexpr std::uint64_t kMsShared = 1U << 20;

// Attributes of a mount. Access times are one field of several values: setting one clears the field first.
struct AttributeOption {
  const char* name;
  std::uint64_t set;
  std::uint64_t clear;
};
constexpr AttributeOption kAttributes[] = {
    {"ro", MOUNT_ATTR_RDONLY, 0}, {"rw", 0, MOUNT_ATTR_RDONLY},
    {"nosuid", MOUNT_ATTR_NOSUID, 0}, {"suid", 0, MOUNT_ATTR_NOSUID},
    {"nodev", MOUNT_ATTR_NODEV, 0}, {"dev", 0, MOUNT_ATTR_NODEV},
    {"noexec", MOUNT_ATTR_NOEXEC, 0}, {"exec", 0, MOUNT_ATTR_NOEXEC},
    {"nodiratime", MOUNT_ATTR_NODIRATIME, 0}, {"diratime", 0, MOUNT_ATTR_NODIRATIME},
    {"relatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME}, {"norelatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
    {"noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME}, {"atime", 0, MOUNT_ATTR__ATIME},
    {"strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME}, {"nostrictatime", 0, MOUNT_ATTR__ATIME},
    {"nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0}, {"symfollow", 0, MOUNT_ATTR_NOSYMFOLLOW},
};

struct SuperOption {
  const char* name;
  std::uint64_t flag;
  bool on;
};
constexpr SuperOption kSuper[] = {
    {"sync", child::kSuperSync, true}, {"async", child::kSuperSync, false},
    {"dirsync", child::kSuperDirSync, true}, {"lazytime", child::kSuperLazyTime, true},
    {"nolazytime", child::kSuperLazyTime, false}, {"mand", child::kSuperMand, true},
    {"nomand", child::kSuperMand, false}, {"silent", child::kSuperSilent, true},
    {"loud", child::kSuperSilent, false},
    // I_VERSION is the file system's own business since 5.11: accepted, nothing to set.
    {"iversion", 0, true}, {"noiversion", 0, false}, {"defaults", 0, false}, {"remount", 0, false},
};

constexpr const char* kPropagations[] = {"private", "shared", "slave", "unbindable"};

const AttributeOption* FindAttribute(std::string_view name) {
  for (const AttributeOption& option : kAttributes) {
    if (name == option.name) return &option;
  }
  return nullptr;
}

const SuperOption* FindSuper(std::string_view name) {
  for (const SuperOption& option : kSuper) {
    if (name == option.name) return &option;
  }
  return nullptr;
}

void Merge(const AttributeOption& option, std::uint64_t& set, std::uint64_t& clear) {
  set = (set & ~option.clear) | option.set;
  clear = (clear & ~option.set) | option.clear;
}

// mount_setattr(2) wants the whole access time field cleared when any of it is set.
void Normalize(std::uint64_t set, std::uint64_t& clear) {
  if ((clear & MOUNT_ATTR__ATIME) != 0) clear |= MOUNT_ATTR__ATIME;
  clear &= ~(set & ~static_cast<std::uint64_t>(MOUNT_ATTR__ATIME));
}

bool TakeBind(const std::string& option, MountOptions& out) {
  if (option != "bind" && option != "rbind") return false;
  out.bind = true;
  out.recursive_bind = out.recursive_bind || option == "rbind";
  return true;
}

bool TakeRecursiveAttribute(const std::string& option, MountOptions& out) {
  if (option.size() < 3 || option[0] != 'r') return false;
  const AttributeOption* attribute = FindAttribute(std::string_view(option).substr(1));
  if (attribute == nullptr) return false;
  Merge(*attribute, out.recursive_set, out.recursive_clear);
  return true;
}

bool TakeFlag(const std::string& option, MountOptions& out) {
  if (const AttributeOption* attribute = FindAttribute(option)) {
    Merge(*attribute, out.set, out.clear);
    return true;
  }
  if (const SuperOption* super = FindSuper(option)) {
    out.super = super->on ? out.super | super->flag : out.super & ~super->flag;
    return true;
  }
  return TakeRecursiveAttribute(option, out);
}

}  // namespace

std::string Indexed(const char* name, std::size_t index) {
  std::string text(name);
  text += '[';
  text += std::to_string(index);
  text += ']';
  return text;
}

void Warn(Plan& plan, std::string_view text) { plan.warnings.emplace_back(text); }

Result<std::uint64_t> ParsePropagation(const std::string& text, bool* recursive) {
  const bool has_prefix = !text.empty() && text[0] == 'r';
  const std::string_view name = std::string_view(text).substr(has_prefix ? 1 : 0);
  *recursive = has_prefix;
  if (name == "shared") return kMsShared;
  if (name == "slave") return kMsSlave;
  if (name == "private") return kMsPrivate;
  if (name == "unbindable") return kMsUnbindable;
  return Error(Code::kInvalidArgument, "unknown mount propagation '" + text + "'");
}

std::vector<std::string> MountOptionNames() {
  std::vector<std::string> names = {"bind", "rbind", "tmpcopyup"};
  for (const AttributeOption& option : kAttributes) {
    names.emplace_back(option.name);
    names.push_back(std::string("r") + option.name);
  }
  for (const SuperOption& option : kSuper) names.emplace_back(option.name);
  for (const char* propagation : kPropagations) {
    names.emplace_back(propagation);
    names.push_back(std::string("r") + propagation);
  }
  for (const char* more : {"idmap", "ridmap"}) names.emplace_back(more);
  std::ranges::sort(names);
  return names;
}

bool MountOptions::Has(std::string_view key) const {
  for (const auto& [name, value] : data) {
    if (name == key) return true;
  }
  return false;
}

std::string MountOptions::Blob() const {
  std::string blob;
  for (const auto& [name, value] : data) {
    const bool flag = value == std::string_view("\0", 1);
    blob += flag ? 'f' : 's';
    blob += name;
    blob += '\0';
    if (flag) continue;
    blob += value;
    blob += '\0';
  }
  return blob;
}

Result<MountOptions> ParseMountOptions(const std::vector<std::string>& options, const std::string& field) {
  MountOptions out;
  for (const std::string& option : options) {
    if (option.empty() || TakeBind(option, out) || TakeFlag(option, out)) continue;
    bool recursive = false;
    if (auto propagation = ParsePropagation(option, &recursive); propagation.ok()) {
      out.propagation = *propagation;
      out.propagation_recursive = recursive;
    } else if (option == "tmpcopyup") {
      out.copy_up = true;
    } else if (option == "idmap" || option == "ridmap") {
      out.id_mapped = true;
      out.id_mapped_recursive = out.id_mapped_recursive || option == "ridmap";
    } else if (option.find('\0') != std::string::npos) {
      return Error(Code::kInvalidArgument, field + ": an option holds a NUL byte");
    } else if (const auto equals = option.find('='); equals != std::string::npos) {
      out.data.emplace_back(option.substr(0, equals), option.substr(equals + 1));
    } else {
      out.data.emplace_back(option, std::string(1, '\0'));
    }
  }
  Normalize(out.set, out.clear);
  Normalize(out.recursive_set, out.recursive_clear);
  return out;
}

}  // namespace estiba::plan
