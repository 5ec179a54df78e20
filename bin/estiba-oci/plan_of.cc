#include "plan_of.h"

#include "launch.h"
#include "state_dir.h"

namespace estiba::ocicli {

Result<plan::Plan> PlanOf(const Context& context, plan::HostFacts facts) {
  const Bundle bundle = TRY(LoadBundle(context.flags));
  std::string id = bundle.path.substr(bundle.path.rfind('/') + 1);
  if (!context.flags.rest().empty()) {
    id = context.flags.rest().front();
    TRY(CheckId(id));
  } else if (!CheckId(id).ok()) {
    id = "container";
  }
  TRY(AskHostFor(bundle.spec, facts));
  // The plan is read and not carried out: that no cgroup can be made from here is no reason against it.
  if (!facts.rootless && !facts.plain_user) facts.cgroups_writable = true;
  plan::ContainerInput input = TRY(InputOf(context, bundle, id, facts));
  input.cgroup_required = false;
  return plan::BuildContainer(input, facts);
}

}  // namespace estiba::ocicli
