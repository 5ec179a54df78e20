// mountinfo and /proc/self/cgroup as a hostile mount name could make them.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "cgroup/hierarchy.h"

using namespace estiba;  // NOLINT(google-build-using-namespace)

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // The part before the first NUL is mountinfo, the rest the process's cgroups.
  const std::size_t cut = text.find('\0');
  const auto probed =
      cgroup::ProbeFrom(text.substr(0, cut), cut == text.npos ? "" : text.substr(cut + 1), "memory pids");
  for (const auto& hierarchy : probed.hierarchies) {
    if (hierarchy.own_path.empty()) std::abort();
    for (const auto& controller : hierarchy.controllers)  // "unified" stands for the unified hierarchy itself
      if (controller != "unified" && probed.Find(controller) == nullptr) std::abort();
  }
  return 0;
}
