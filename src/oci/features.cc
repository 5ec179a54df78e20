#include "oci/features.h"

#include "codec/json.h"

namespace estiba::oci {
namespace {

using codec::Json;

Json Enabled(bool on) { return Json::MakeObject({{"enabled", on}}); }

Json Linux(const Features& f) {
  Json out = Json::MakeObject({{"namespaces", Json(f.namespaces)}, {"capabilities", Json(f.capabilities)}});
  out.Set("cgroup", Json::MakeObject({{"v1", f.cgroup_v1},
                                      {"v2", f.cgroup_v2},
                                      {"systemd", f.cgroup_systemd},
                                      {"systemdUser", f.cgroup_systemd},
                                      {"rdma", f.cgroup_rdma}}));
  out.Set("seccomp", Json::MakeObject({{"enabled", true},
                                       {"actions", Json(f.seccomp_actions)},
                                       {"operators", Json(f.seccomp_operators)},
                                       {"archs", Json(f.seccomp_architectures)},
                                       {"knownFlags", Json(f.seccomp_known_flags)},
                                       {"supportedFlags", Json(f.seccomp_supported_flags)}}));
  out.Set("apparmor", Enabled(f.apparmor));
  out.Set("selinux", Enabled(f.selinux));
  out.Set("intelRdt", Json::MakeObject({{"enabled", f.intel_rdt},
                                        {"schemata", f.intel_rdt},
                                        {"monitoring", f.intel_rdt}}));
  out.Set("memoryPolicy", Json::MakeObject({{"modes", Json(f.memory_policy_modes)},
                                            {"flags", Json(f.memory_policy_flags)}}));
  out.Set("mountExtensions", Json::MakeObject({{"idmap", Enabled(f.idmapped_mounts)}}));
  out.Set("netDevices", Enabled(f.net_devices));
  return out;
}

}  // namespace

std::string WriteFeatures(const Features& features) {
  Json out = Json::MakeObject({{"ociVersionMin", features.version_min},
                               {"ociVersionMax", features.version_max},
                               {"hooks", Json(features.hooks)},
                               {"mountOptions", Json(features.mount_options)}});
  out.Set("linux", Linux(features));
  Json annotations = Json::MakeObject();
  for (const auto& [key, value] : features.annotations) annotations.Set(key, value);
  if (!annotations.empty()) out.Set("annotations", std::move(annotations));
  if (!features.unsafe_annotations.empty())
    out.Set("potentiallyUnsafeConfigAnnotations", Json(features.unsafe_annotations));
  return out.Dump(4);
}

}  // namespace estiba::oci
