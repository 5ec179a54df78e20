#pragma once
// What this kernel can do, tested feature by feature (never by its version).

namespace estiba::os {

struct KernelFeatures {
  bool mount_setattr = false;        // 5.12: attributes of detached mounts, recursive read-only
  bool overlay_lower_fds = false;    // 6.13: "lowerdir+" takes descriptors
  bool overlay_lower_append = false; // 6.5: "lowerdir+" as a string
  bool time_namespace = false;       // 5.6
  bool cgroup_namespace = false;     // 4.6
  bool user_namespace = false;       // may this process make one
  bool clone_into_cgroup = false;    // 5.7
  bool seccomp_filter = false;
  bool can_mknod = false;            // device nodes can be made: the first user namespace and CAP_MKNOD
  bool sys_resource = false;         // CAP_SYS_RESOURCE: raise hard limits, lower oom_score_adj
  bool sys_admin = false;
  bool first_user_namespace = true;
  unsigned last_capability = 40;
};

// Asks the kernel; some twenty cheap calls, nothing mounted, nothing left behind.
KernelFeatures ProbeFeatures();

}  // namespace estiba::os
