#pragma once
// clone3(2), which has no wrapper in the C library. Inline: the child returns from it too, and does nothing else here.

#include <linux/sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace estiba::os {

// The child's pid, 0 in the child, -1 with errno.
inline long Clone3(clone_args& args) noexcept { return ::syscall(SYS_clone3, &args, sizeof args); }

}  // namespace estiba::os
