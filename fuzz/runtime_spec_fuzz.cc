// config.json: read, checked, written, read again the same; what it asks of cgroups and seccomp is worked
// out.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "cgroup/settings.h"
#include "oci/runtime_json.h"
#include "security/seccomp.h"

using namespace estiba;  // NOLINT(google-build-using-namespace)

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto spec = oci::ParseRuntimeSpec({reinterpret_cast<const char*>(data), size});
  if (!spec.ok()) return 0;
  const bool valid = oci::ValidateRuntimeSpec(*spec).ok();
  const std::string written = oci::WriteRuntimeSpec(*spec);
  const auto again = oci::ParseRuntimeSpec(written);
  if (!again.ok() || oci::WriteRuntimeSpec(*again) != written) std::abort();
  if (valid != oci::ValidateRuntimeSpec(*again).ok()) std::abort();

  const auto host =
      cgroup::ProbeFrom("1 0 0:1 / /c rw - cgroup2 c rw\n", "0::/\n", "cpuset cpu io memory hugetlb pids");
  const oci::Resources& resources = spec->linux_config.resources;
  if (const auto writes = cgroup::Settings(resources, host); writes.ok()) {
    for (const cgroup::Write& write : *writes)
      if (write.file.find('/') != write.file.npos) std::abort();
  }
  if (const auto program = cgroup::DeviceProgram(resources.devices); program.ok())
    cgroup::DeviceWrites(resources.devices);
  if (spec->linux_config.seccomp) {
    const auto compiled = security::CompileSeccomp(*spec->linux_config.seccomp, security::Arch::kX86_64);
    if (compiled.ok() && compiled->program.size() > BPF_MAXINSNS) std::abort();
  }
  return 0;
}
