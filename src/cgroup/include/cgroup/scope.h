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
// Of limits that can be set only when the scope begins.
std::vector<std::string> StartProperties(const oci::Resources& resources, int version);
Result<std::vector<std::string>> AnnotatedProperties(const oci::StringMap& annotations);

}  // namespace estiba::cgroup
