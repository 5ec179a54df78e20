#pragma once
// What may be found, in every language.

#include <span>

#include "plan/audit.h"
#include "words.h"

namespace estiba::plan {

struct Rule {
  const char* name;
  Severity severity;
  Words reason;  // {0}: the operand of the finding
  Words remedy;
};

enum class RuleId : unsigned char {
  kHostMounts, kHostPid, kHostNetwork, kHostNetworkAdmin, kHostIpc, kHostUts, kHostCgroup, kJoinedNamespace,
  kRootOfHost, kNoUserNamespace, kNoSeccomp, kSeccompAgent, kNewPrivileges, kInheritable, kAmbient, kUnmasked,
  kWritableProc, kWritableSysfs, kWritableCgroup, kBlockDevice, kMemoryDevice, kDevice, kAnyDevice, kNoCgroup,
  kEngineSocket, kHostTree, kHostTreeReadOnly, kKernelTree, kSharedMount, kSharedRoot, kWritableRoot, kNoMemoryLimit,
  kNoPidsLimit, kNoCpuLimit, kHostHook, kUnconfined, kNoLabel, kNoPivot, kOomProtected, kOpenPort, kCount,
};

const Rule& RuleOf(RuleId id);
std::span<const Rule> AllRules();

// Of one capability beyond Docker's default; null for those of the default.
struct CapabilityRule {
  unsigned number;
  Severity severity;
  Words reason;
};
std::span<const CapabilityRule> CapabilityRules();
// "cap-sys-admin" names the rule; this is what to do.
extern const Words kCapabilityRemedy;

// A place of the host that no container should be given lightly.
struct HostPlace {
  const char* path;
  bool below;              // and what lies below it
  Severity writable;
  std::optional<Severity> readonly;  // nothing: no harm
  RuleId rule;
};
std::span<const HostPlace> HostPlaces();

}  // namespace estiba::plan
