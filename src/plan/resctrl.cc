// Cache and memory bandwidth by resctrl: a class of service, and a monitoring group in it.

#include <algorithm>

#include "builder.h"

namespace estiba::plan {
namespace {

Status CheckClass(const HostFacts& facts, const oci::IntelRdt& rdt, bool exists, bool schemata) {
  if (facts.resctrl.empty()) {
    return Error(Code::kFailedPrecondition, "linux.intelRdt: resctrl is not mounted")
        .Hint("mount -t resctrl resctrl /sys/fs/resctrl; the processor and the kernel must have it");
  }
  if (!rdt.clos_id.empty() && !schemata && !exists) {
    return Error(Code::kInvalidArgument, "linux.intelRdt.closID: there is no class '" + rdt.clos_id +
                                             "', and no schemata to make it with");
  }
  return Ok();
}

}  // namespace

Status AddIntelRdt(Builder& b, const oci::RuntimeSpec& spec, const std::string& id) {
  if (!spec.linux_config.intel_rdt.has_value()) return Ok();
  const oci::IntelRdt& rdt = *spec.linux_config.intel_rdt;
  const HostFacts& facts = b.facts();
  std::vector<std::string> schemata;
  for (const std::string* line : {&rdt.l3_cache_schema, &rdt.mem_bw_schema}) {
    if (!line->empty()) schemata.push_back(*line);
  }
  schemata.insert(schemata.end(), rdt.schemata.begin(), rdt.schemata.end());
  const bool root = rdt.clos_id == "/";
  const std::string name = rdt.clos_id.empty() ? id : rdt.clos_id;
  const bool exists = root || std::ranges::find(facts.resctrl_classes, name) != facts.resctrl_classes.end();
  TRY(CheckClass(facts, rdt, exists, !schemata.empty()));
  const std::string path = root ? facts.resctrl : facts.resctrl + "/" + name;
  std::vector<std::string> text = {path, rdt.enable_monitoring ? path + "/mon_groups/" + id : std::string()};
  text.insert(text.end(), schemata.begin(), schemata.end());
  b.Add(Op::kIntelRdt, Where::kHostChild, "linux.intelRdt", std::move(text), {exists ? 0ULL : 1ULL});
  return Ok();
}

}  // namespace estiba::plan
