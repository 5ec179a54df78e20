// config.json to a plan, on two hosts: what can be built can be carried, explained, audited, undone and restored.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "oci/runtime_json.h"
#include "plan/audit.h"
#include "plan/build.h"
#include "plan/checkpoint.h"
#include "plan/explain.h"
#include "plan/undo.h"
#include "plan/wire.h"

using namespace estiba;  // NOLINT(google-build-using-namespace)

namespace {

plan::HostFacts Host(bool unified) {
  plan::HostFacts facts;
  facts.kernel.mount_setattr = facts.kernel.time_namespace = facts.kernel.cgroup_namespace = true;
  facts.kernel.user_namespace = facts.kernel.seccomp_filter = facts.kernel.can_mknod = true;
  facts.kernel.apparmor = facts.kernel.selinux = true;
  facts.cgroups =
      unified ? cgroup::ProbeFrom("1 0 0:1 / /c rw - cgroup2 c rw\n", "0::/\n", "cpu io memory hugetlb pids")
              : cgroup::ProbeFrom("1 0 0:1 / /c/memory rw - cgroup c rw,memory\n2 0 0:2 / /c/u rw - cgroup2 c rw\n",
                                  "1:memory:/\n0::/\n", "");
  return facts;
}

void Use(const plan::Plan& built) {
  const std::string bytes = plan::Encode(built);
  if (const auto carried = plan::Decode(bytes); bytes.size() <= plan::kMaxEncodedPlan) {
    if (!carried.ok() || plan::Encode(*carried) != bytes) std::abort();
  }
  plan::ExplainText(built);
  plan::ExplainJson(built);
  plan::ExplainShell(built);
  plan::AuditJson(built, plan::Audit(built));
  plan::UndoOf(built);
  (void)plan::ExternalMounts(built).ok();
  for (const plan::Step& step : plan::MountPointsOf(built).steps)
    if (step.op == plan::Op::kRunHook || step.op == plan::Op::kCreateCgroup) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto spec = oci::ParseRuntimeSpec({reinterpret_cast<const char*>(data), size});
  if (!spec.ok() || !oci::ValidateRuntimeSpec(*spec).ok() || !spec->process) return 0;
  for (const bool unified : {false, true}) {
    plan::ContainerInput input;
    input.id = "fuzzed";
    input.spec = *spec;
    input.storage.rootfs = "/bundle/rootfs";
    input.cgroup_path = "/estiba/fuzzed";
    input.bundle = "/bundle";
    const plan::HostFacts facts = Host(unified);
    if (const auto built = plan::BuildContainer(input, facts); built.ok()) Use(*built);
    plan::ExecInput exec;
    exec.id = input.id;
    exec.spec = input.spec;
    exec.process = *input.spec.process;
    exec.cgroup_path = input.cgroup_path;
    if (const auto built = plan::BuildExec(exec, facts); built.ok()) plan::ExplainText(*built);
  }
  return 0;
}
