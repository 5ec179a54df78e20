#pragma once
// bpf(2), as far as device programs of cgroups need it (cgroup v2, kernel ≥ 4.15).

#include <cstdint>
#include <vector>

#include <linux/bpf.h>

#include "os/fd.h"

namespace estiba::os {

// Loads a BPF_PROG_TYPE_CGROUP_DEVICE program.
Result<UniqueFd> LoadDeviceProgram(const std::vector<bpf_insn>& instructions);
// Attaches it to a directory of the unified hierarchy, beside others that are there (BPF_F_ALLOW_MULTI): all must
// allow.
Status AttachDeviceProgram(int cgroup, int program);
Status DetachDeviceProgram(int cgroup, int program);
// Ids of the programs attached to that directory itself. kNotImplemented on a kernel without CONFIG_CGROUP_BPF.
Result<std::vector<std::uint32_t>> QueryDevicePrograms(int cgroup);
Result<UniqueFd> OpenProgram(std::uint32_t id);

}  // namespace estiba::os
