#include "plan/build.h"

namespace estiba::plan {

Result<Plan> BuildContainer(const ContainerInput&, const HostFacts&) { return Error(Code::kNotImplemented, "build container plan"); }
Result<Plan> BuildExec(const ExecInput&, const HostFacts&) { return Error(Code::kNotImplemented, "build exec plan"); }

}  // namespace estiba::plan
