#pragma once
// What this kernel can do, tested feature by feature (never by its version).

namespace estiba::os {

struct KernelFeatures {
  bool nosymfollow = false;          // 5.14: MOUNT_ATTR_NOSYMFOLLOW
  bool mount_setattr = false;        // 5.12: attributes of detached mounts, recursive read-only
  bool overlay_lower_append = false; // 6.5: "lowerdir+" as a string
  bool time_namespace = false;       // 5.6
  bool cgroup_namespace = false;     // 4.6
  bool user_namespace = false;       // may this process make one
  bool seccomp_filter = false;
  bool selinux = false;              // it is on: files and processes have its labels
  bool apparmor = false;             // it is on: programs can be given its profiles
  bool can_mknod = false;            // device nodes can be made: the first user namespace and CAP_MKNOD
  bool first_user_namespace = true;
  bool setgroups_denied = false;     // our user namespace lets nobody change supplementary groups
  unsigned last_capability = 40;
  int landlock_abi = 0;              // by LandlockAbi(), which only those ask who need it; 0: there is none
};

// 1 and up; 0 where the kernel has no Landlock or it is not switched on.
int LandlockAbi();

// Asks the kernel; some ten cheap calls, nothing mounted, nothing left behind. What takes longer (overlay_…) is told
// for those who mount overlays.
KernelFeatures ProbeFeatures(bool overlays = false);

}  // namespace estiba::os
