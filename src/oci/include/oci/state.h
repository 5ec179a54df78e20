#pragma once
// The `state` document of a runtime: what `state ID` prints and hooks get on stdin.

#include <string>

#include "oci/runtime_spec.h"

namespace estiba::oci {

struct State {
  std::string oci_version = "1.3.0";
  std::string id{};
  std::string status{};  // "creating", "created", "running", "stopped", "paused"
  int pid = 0;         // 0 when stopped
  std::string bundle{};
  StringMap annotations{};
  // What engines read beyond the specification; left out when empty.
  std::string rootfs{};
  std::string created{};  // RFC 3339
  std::string owner{};
};

std::string WriteState(const State& state, bool indent = false);

}  // namespace estiba::oci
