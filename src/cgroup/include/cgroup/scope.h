#pragma once
// What systemd is told of a container: the scope's name, where that is in the tree, and its properties. Pure.

#include <string>
#include <vector>

#include "base/result.h"
#include "oci/runtime_spec.h"

namespace estiba::cgroup {

struct Scope {
  bool user = false;    // of the user's own manager
  int version = 0;      // of systemd: 252
  std::string slice;    // "machine.slice"
  std::string unit;     // "libpod-web.scope"
  std::string path;     // below the unified hierarchy's mount: "/machine.slice/libpod-web.scope"
};

// `text` is linux.cgroupsPath: "slice:prefix:name", each may be empty; empty as a whole: the defaults with `id` as the
// name. `manager` is the cgroup of the manager.
Result<Scope> ParseScope(const std::string& text, const std::string& id, bool user, const std::string& manager);

// "a-b.slice" is in "a.slice": "/a.slice/a-b.slice". "-.slice" is the root: "".
Result<std::string> SlicePath(const std::string& slice);

// "Name=value" (variant.h): what a new scope has besides limits; its limits; what annotations
// ("org.systemd.property.Name") add.
std::vector<std::string> ScopeProperties(const Scope& scope, const std::string& id);
Result<std::vector<std::string>> LimitProperties(const oci::Resources& resources, int version);
// The same for systemd on v1 and hybrid hosts.
Result<std::vector<std::string>> LegacyLimitProperties(const oci::Resources& resources);
// Device rules for where systemd keeps v1's devices controller: as a list of what is allowed, which is all that systemd
// knows. What such a list cannot say is left out, and so refused, until our own rules are written after systemd's.
std::vector<std::string> DeviceProperties(const std::vector<oci::DeviceRule>& rules);
// Of limits that can be set only when the scope begins.
std::vector<std::string> StartProperties(const oci::Resources& resources, int version);
Result<std::vector<std::string>> AnnotatedProperties(const oci::StringMap& annotations);

}  // namespace estiba::cgroup
