#pragma once
// config.json to structs and back, and what must hold of them. Unknown fields are ignored, as the specification asks;
// a field of the wrong type is refused with its path ("linux.resources.memory.limit: …").

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "oci/runtime_spec.h"

namespace estiba::oci {

Result<RuntimeSpec> ParseRuntimeSpec(std::string_view json);
// The `process` object alone, as `exec --process FILE` takes it.
Result<Process> ParseProcess(std::string_view json);
// The `linux.resources` object alone, as `update --resources FILE` takes it.
// A list of mounts, or an object with one as "mounts".
Result<std::vector<Mount>> ParseMounts(std::string_view json);
Result<Resources> ParseResources(std::string_view json);
// The `linux.seccomp` object alone.
Result<Seccomp> ParseSeccomp(std::string_view json);

// The other way; `indent` gives two blanks a level.
std::string WriteRuntimeSpec(const RuntimeSpec& spec, bool indent = false);

// What the types cannot say: versions, absolute paths, duplicate namespaces and rlimits, hostname without a UTS
// namespace, ranges. `bundle`-relative things are not looked at.
Status ValidateRuntimeSpec(const RuntimeSpec& spec);
// A process alone, as of `exec`.
Status ValidateProcess(const Process& process);

// "0-3,7", a list of CPUs or memory nodes, as the bits of whole 64-bit words, lowest first; at most 8192 of them.
Result<std::string> ParseNumberList(std::string_view text);

// The words linux.memoryPolicy may use.
std::vector<std::string> MemoryPolicyModes();
std::vector<std::string> MemoryPolicyFlags();

std::string_view SeccompActionName(SeccompAction action);  // "SCMP_ACT_ALLOW", …
Result<SeccompAction> ParseSeccompAction(std::string_view name);
std::string_view SeccompOpName(SeccompOp op);  // "SCMP_CMP_EQ", …
Result<SeccompOp> ParseSeccompOp(std::string_view name);

}  // namespace estiba::oci
