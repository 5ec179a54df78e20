#include "seccomp_profiles.h"

#include <algorithm>
#include <utility>

namespace estiba::engine {
namespace {

constexpr std::size_t kMostProfiles = 8;  // of up to 64 kB each

Result<ReadySeccomp> Make(const std::string& json, security::CapabilitySet capabilities) {
  ReadySeccomp ready;
  if (json.empty()) {
    ready.profile = security::DefaultSeccompProfile(capabilities);
  } else {
    ready.profile = TRY_CTX(security::ParseDockerSeccomp(json, capabilities),
                            "decode the seccomp profile of --security-opt");
  }
  ready.compiled = TRY_CTX(security::CompileSeccomp(ready.profile), "linux.seccomp");
  return ready;
}

}  // namespace

std::shared_ptr<const ReadySeccomp> SeccompProfiles::Find(const std::string& json,
                                                          security::CapabilitySet capabilities) {
  auto entries = entries_.Lock();
  const auto found = std::ranges::find_if(
      *entries, [&](const Entry& entry) { return entry.capabilities == capabilities && entry.json == json; });
  if (found == entries->end()) return nullptr;
  std::rotate(entries->begin(), found, found + 1);
  return entries->front().ready;
}

Result<std::shared_ptr<const ReadySeccomp>> SeccompProfiles::Get(const std::string& json,
                                                                 security::CapabilitySet capabilities) {
  if (auto known = Find(json, capabilities)) return known;
  auto ready = std::make_shared<const ReadySeccomp>(TRY(Make(json, capabilities)));
  auto entries = entries_.Lock();
  entries->insert(entries->begin(), {json, capabilities, ready});
  if (entries->size() > kMostProfiles) entries->pop_back();
  return ready;
}

}  // namespace estiba::engine
