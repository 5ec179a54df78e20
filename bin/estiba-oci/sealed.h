#pragma once

#include "base/result.h"

namespace estiba::ocicli {

// Goes on as a sealed copy of this program in memory: a container that gets hold of /proc/PID/exe of a process on its
// way in can then write neither the installed file nor the copy (CVE-2019-5736), nor does poisoning the file's page
// cache reach us. Returns in the copy; does not return in the original unless there is an error.
Status RunSealed(char** argv);

}  // namespace estiba::ocicli
