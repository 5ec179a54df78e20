#pragma once
// Seccomp: our compiler from rules to classic BPF, and the default profile. Pure.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <linux/filter.h>

#include "base/result.h"
#include "oci/runtime_spec.h"
#include "security/capability.h"

namespace estiba::security {

// The calling conventions whose tables we carry.
enum class Arch : unsigned char { kX86_64, kX86, kX32, kAarch64 };

// The one this program was built for.
Arch NativeArch();
// "SCMP_ARCH_X86_64", …
const char* ArchName(Arch arch);

// A call's number, or -1 when this architecture has no such call.
int SyscallNumber(Arch arch, std::string_view name);
// The name of a call's number; empty when unknown.
std::string_view SyscallName(Arch arch, int number);

struct CompiledSeccomp {
  std::vector<sock_filter> program;
  std::uint32_t flags = 0;       // SECCOMP_FILTER_FLAG_…
  bool has_notify = false;       // SECCOMP_FILTER_FLAG_NEW_LISTENER is wanted
};

// Rules to a program: architecture first, then a binary search over call numbers. A rule without conditions beats one
// with, whatever their order; else the first that matches counts. Several conditions on one argument are alternatives.
// The native architecture is always covered; a call of one that is not kills the thread. Calls newer than everything
// the rules name answer ENOSYS unless the default lets calls through, so that C libraries fall back. Unknown call
// names, and architectures that cannot run here, are ignored, as runtimes do.
Result<CompiledSeccomp> CompileSeccomp(const oci::Seccomp& seccomp, Arch native = NativeArch());

// Kernel version facts some rules depend on.
struct KernelVersion {
  unsigned major = 0;
  unsigned minor = 0;
};
// From uname(2)'s release text; zero when it cannot be read.
KernelVersion ParseKernelVersion(std::string_view release);
KernelVersion CurrentKernelVersion();

// Docker's default profile for a container with these (bounding) capabilities on this architecture and kernel.
oci::Seccomp DefaultSeccompProfile(CapabilitySet capabilities, Arch native = NativeArch(),
                                   KernelVersion kernel = CurrentKernelVersion());

// A profile in Docker's format (`--security-opt seccomp=FILE`): archMap, names, includes and excludes by capability,
// architecture and minKernel, resolved for this container.
Result<oci::Seccomp> ParseDockerSeccomp(std::string_view json, CapabilitySet capabilities,
                                        Arch native = NativeArch(),
                                        KernelVersion kernel = CurrentKernelVersion());

}  // namespace estiba::security
