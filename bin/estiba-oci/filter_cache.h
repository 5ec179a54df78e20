#pragma once
// Compiled seccomp filters, kept from one start to the next: compiling Docker's default profile takes 0.33 ms, more
// than the kernel takes to load it.

#include <string>

#include "base/result.h"
#include "oci/runtime_spec.h"
#include "report.h"
#include "security/seccomp.h"

namespace estiba::ocicli {

// The filter of `seccomp`, from the cache or compiled and put there. Only a file of ours in a folder of ours that
// nobody else may write is read, and only if it holds this very profile, for this build of the program and this kernel.
// What stands against that, or against keeping the filter, is told with --debug; then it is compiled.
Result<security::CompiledSeccomp> CompiledFilter(const oci::Seccomp& seccomp, const Reporter& reporter);

}  // namespace estiba::ocicli
