#pragma once
// A network's plugins, one after another (CNI specification 1.1.0, section 3).

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cni/config.h"
#include "cni/derive.h"
#include "cni/result.h"

namespace estiba::cni {

struct Surroundings {
  std::vector<std::string> bin_dirs;  // where plugins are sought, and whom they delegate to
  std::chrono::milliseconds timeout{30'000};  // of one run of a plugin
  int kept_fd = -1;                   // see ProgramInput
  std::function<bool()> wanted{};     // asked before every ADD: false when nobody waits for it any more; null: true
};

// Every plugin is where it is sought: kNotFound before any has run, and there is nothing to take back.
Status CheckPlugins(const Surroundings& around, const NetworkList& list);
// In order, each with its predecessor's result. Stops at the first failure and takes nothing back: that is Delete's.
Result<AddResult> Add(const Surroundings& around, const NetworkList& list, const Invocation& invocation);
// In reverse, every one of them also after a failure, whose first is returned. `result`: of ADD, where there was one.
Status Delete(const Surroundings& around, const NetworkList& list, const Invocation& invocation,
              const std::optional<AddResult>& result);
// Nothing is asked where the list disables it; kFailedPrecondition for a version without CHECK.
Status Check(const Surroundings& around, const NetworkList& list, const Invocation& invocation,
             const AddResult& result);
// Nothing is asked where the list disables it, or its version has no GC. Goes on after a failure, the first of which is
// returned.
Status CollectGarbage(const Surroundings& around, const NetworkList& list, const std::vector<ValidAttachment>& valid);
// Whether containers can be added now: every plugin is there and knows the list's version; from 1.1.0 on it is asked.
Status AskStatus(const Surroundings& around, const NetworkList& list);

}  // namespace estiba::cni
