#pragma once
// Resources to file writes. Pure: the conversion rules between v1 and v2 live here.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <linux/bpf.h>

#include "base/result.h"
#include "cgroup/hierarchy.h"
#include "oci/runtime_spec.h"

namespace estiba::cgroup {

// One write to one file of the container's cgroup.
struct Write {
  std::string controller;  // which hierarchy: "memory", "cpu", …; "unified" for the cgroup2 one
  std::string file;        // "memory.limit_in_bytes"
  std::string value;
  std::string field;       // the configuration field: "linux.resources.memory.limit"
  bool optional = false;   // may be missing or refused by the kernel without failing the container
  std::string alternative_file;   // tried when `file` is missing: io.weight for io.bfq.weight
  std::string alternative_value;
  bool check_usage = false;       // refuse when more than `value` bytes are in use already

  friend bool operator==(const Write&, const Write&) = default;
};

// In the order they must be made. kInvalidArgument or kNotImplemented with the field's name for what this host cannot
// do (a controller that is not there or not delegated, a v1-only knob on v2, `unified` on v1).
Result<std::vector<Write>> Settings(const oci::Resources& resources, const Hierarchies& hierarchies);

// Controllers these resources need beyond cpu, cpuset, io, memory and pids, which every container gets: "hugetlb",
// "rdma", "net_cls", "net_prio" and what `unified` names.
std::vector<std::string> NeededControllers(const oci::Resources& resources);

// cpu.shares (2…262144) to cpu.weight (1…10000), runc ≥ 1.3.2's curve: 1024 → 100.
std::uint64_t SharesToWeight(std::uint64_t shares);

// The rules as a BPF_PROG_TYPE_CGROUP_DEVICE program (kernel ≥ 4.15), last rule first; what no rule names is refused.
// An empty list allows everything and gives an empty program.
Result<std::vector<bpf_insn>> DeviceProgram(const std::vector<oci::DeviceRule>& rules);
// The rules as writes to v1's devices.allow and devices.deny, for hosts without the above.
std::vector<Write> DeviceWrites(const std::vector<oci::DeviceRule>& rules);
// What every container may reach besides its own rules, appended to them: the default device nodes, ptys, and mknod of
// any (the node is useless without a rule that lets it be opened).
std::vector<oci::DeviceRule> DefaultDeviceRules();

}  // namespace estiba::cgroup
