#pragma once
// The `features` document: what a runtime can do, for engines to read before they ask for it.

#include <string>
#include <utility>
#include <vector>

namespace estiba::oci {

struct Features {
  std::string version_min = "1.0.0";
  std::string version_max = "1.3.0";
  std::vector<std::string> hooks{};
  std::vector<std::string> mount_options{};
  std::vector<std::string> namespaces{};
  std::vector<std::string> capabilities{};
  bool cgroup_v1 = false;
  bool cgroup_v2 = false;
  bool cgroup_systemd = false;
  bool cgroup_rdma = false;
  std::vector<std::string> seccomp_actions{};
  std::vector<std::string> seccomp_operators{};
  std::vector<std::string> seccomp_architectures{};
  std::vector<std::string> seccomp_known_flags{};
  std::vector<std::string> seccomp_supported_flags{};
  bool apparmor = false;
  bool selinux = false;
  bool intel_rdt = false;
  bool net_devices = false;
  bool idmapped_mounts = false;
  std::vector<std::string> memory_policy_modes{};
  std::vector<std::string> memory_policy_flags{};
  // Names of annotations of a container, or beginnings of such (with a dot at the end), that reach out of it.
  std::vector<std::string> unsafe_annotations{};
  std::vector<std::pair<std::string, std::string>> annotations{};
};

std::string WriteFeatures(const Features& features);

}  // namespace estiba::oci
