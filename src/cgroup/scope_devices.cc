// Device rules as properties of a systemd unit.

#include <algorithm>
#include <string_view>

#include "cgroup/scope.h"
#include "cgroup/settings.h"
#include "cgroup/variant.h"

namespace estiba::cgroup {
namespace {

using Number = std::optional<std::int64_t>;

constexpr std::string_view kAll = "rwm";

bool Any(const Number& number) { return !number || *number == -1; }

bool Meet(const Number& a, const Number& b) { return Any(a) || Any(b) || *a == *b; }

bool Everything(const oci::DeviceRule& rule) {
  return rule.type == 'a' && Any(rule.major) && Any(rule.minor) &&
         std::ranges::all_of(kAll, [&](char c) { return rule.access.find(c) != std::string::npos; });
}

// What the rules allow, but for what a later one denies some of: that is denied as a whole.
class Allowed {
 public:
  void Apply(const oci::DeviceRule& rule) {
    if (Everything(rule)) {
      all_ = rule.allow;
      entries_.clear();
      return;
    }
    for (const char type : {'c', 'b'}) {
      if (rule.type != 'a' && rule.type != type) continue;
      oci::DeviceRule one = rule;
      one.type = type;
      if (rule.allow) {
        Add(std::move(one));
      } else {
        Take(one);
      }
    }
  }
  bool all() const { return all_; }
  const std::vector<oci::DeviceRule>& entries() const { return entries_; }

 private:
  void Add(oci::DeviceRule rule) {
    const auto same = std::ranges::find_if(entries_, [&](const oci::DeviceRule& entry) {
      return entry.type == rule.type && Any(entry.major) == Any(rule.major) && Any(entry.minor) == Any(rule.minor) &&
             Meet(entry.major, rule.major) && Meet(entry.minor, rule.minor);
    });
    if (same == entries_.end()) return entries_.push_back(std::move(rule));
    for (const char c : rule.access)
      if (same->access.find(c) == std::string::npos) same->access += c;
  }
  void Take(const oci::DeviceRule& rule) {
    all_ = false;  // "all but" is nothing that systemd could be told
    for (oci::DeviceRule& entry : entries_) {
      if (entry.type != rule.type || !Meet(entry.major, rule.major) || !Meet(entry.minor, rule.minor)) continue;
      std::erase_if(entry.access, [&](char c) { return rule.access.find(c) != std::string::npos; });
    }
    std::erase_if(entries_, [](const oci::DeviceRule& entry) { return entry.access.empty(); });
  }

  bool all_ = false;
  std::vector<oci::DeviceRule> entries_;
};

// "/dev/char/1:3", "char-136", "char-*"; empty where systemd has no word for it.
std::string PathOf(const oci::DeviceRule& rule) {
  const std::string kind = rule.type == 'b' ? "block" : "char";
  if (Any(rule.major)) return Any(rule.minor) ? kind + "-*" : std::string();
  const std::string major = std::to_string(*rule.major);
  return Any(rule.minor) ? kind + "-" + major : "/dev/" + kind + "/" + major + ":" + std::to_string(*rule.minor);
}

}  // namespace

std::vector<std::string> DeviceProperties(const std::vector<oci::DeviceRule>& rules) {
  Allowed allowed;
  for (const oci::DeviceRule& rule : rules) allowed.Apply(rule);
  for (const oci::DeviceRule& rule : DefaultDeviceRules()) allowed.Apply(rule);
  // An empty list empties what an earlier update has said.
  std::vector<std::string> out = {"DeviceAllow=@a(ss) []"};
  if (allowed.all()) {
    out.emplace_back("DevicePolicy='auto'");
    return out;
  }
  out.emplace_back("DevicePolicy='strict'");
  std::string list;
  for (const oci::DeviceRule& entry : allowed.entries()) {
    const std::string path = PathOf(entry);
    if (path.empty()) continue;
    list += (list.empty() ? "" : ", ") + ("(" + QuoteVariant(path) + ", " + QuoteVariant(entry.access) + ")");
  }
  out.push_back("DeviceAllow=[" + list + "]");
  return out;
}

}  // namespace estiba::cgroup
