#include "oci/runtime_spec.h"

#include <algorithm>

namespace estiba::oci {

const Namespace* FindNamespace(const Linux& config, NamespaceType type) {
  const auto found = std::ranges::find(config.namespaces, type, &Namespace::type);
  return found == config.namespaces.end() ? nullptr : &*found;
}

bool HasNewNamespace(const Linux& config, NamespaceType type) {
  const Namespace* found = FindNamespace(config, type);
  return found != nullptr && found->path.empty();
}

const char* NamespaceName(NamespaceType type) {
  switch (type) {
    case NamespaceType::kPid: return "pid";
    case NamespaceType::kNetwork: return "network";
    case NamespaceType::kMount: return "mount";
    case NamespaceType::kIpc: return "ipc";
    case NamespaceType::kUts: return "uts";
    case NamespaceType::kUser: return "user";
    case NamespaceType::kCgroup: return "cgroup";
    case NamespaceType::kTime: return "time";
  }
  return "unknown";
}

}  // namespace estiba::oci
