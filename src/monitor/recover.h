#pragma once

#include <string>

#include "base/result.h"
#include "failpoint.h"
#include "os/fd.h"
#include "runner.h"

namespace estiba::monitor {

// Ends and undoes what a killed monitor left. Every step may be repeated by the next recovery, should this
// one be killed as well. The caller holds the container's lock.
// `other_boot`: as of monitorapi::Recover.
Status RecoverContainer(os::DirFd container_dir, os::DirFd run_dir, Runner& runner, Failpoint& failpoint,
                        bool other_boot);

}  // namespace estiba::monitor
