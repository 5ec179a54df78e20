#pragma once
// The container docker would make of `run -h box image true`, and a host: hybrid, v1 or v2.

#include "cgroup/hierarchy.h"
#include "plan/build.h"

namespace estiba::plan {

inline cgroup::Hierarchy MakeHierarchy(const char* controller) {
  cgroup::Hierarchy hierarchy;
  hierarchy.mountpoint = std::string("/sys/fs/cgroup/") + controller;
  hierarchy.controllers = {controller};
  hierarchy.mount_root = "/";
  return hierarchy;
}

inline os::KernelFeatures NewKernel() {
  os::KernelFeatures kernel;
  kernel.mount_setattr = kernel.overlay_lower_append = true;
  kernel.time_namespace = kernel.cgroup_namespace = kernel.user_namespace = true;
  kernel.seccomp_filter = kernel.can_mknod = true;
  return kernel;
}

inline HostFacts HybridHost() {
  HostFacts facts;
  facts.kernel = NewKernel();
  facts.cgroups.mode = cgroup::Mode::kHybrid;
  for (const char* name : {"cpu", "memory", "pids"}) facts.cgroups.hierarchies.push_back(MakeHierarchy(name));
  cgroup::Hierarchy unified;
  unified.unified = true;
  unified.mountpoint = "/sys/fs/cgroup/unified";
  facts.cgroups.hierarchies.push_back(unified);
  facts.cgroups.device_programs = true;
  return facts;
}

inline HostFacts UnifiedHost() {
  HostFacts facts;
  facts.kernel = NewKernel();
  facts.cgroups.mode = cgroup::Mode::kUnified;
  cgroup::Hierarchy unified;
  unified.unified = true;
  unified.mountpoint = "/sys/fs/cgroup";
  unified.controllers = {"cpu", "io", "memory", "pids"};
  facts.cgroups.hierarchies.push_back(unified);
  facts.cgroups.device_programs = true;
  return facts;
}

inline oci::Mount MakeMount(const char* target, const char* type, const char* source,
                            std::vector<std::string> options) {
  oci::Mount mount;
  mount.destination = target;
  mount.type = type;
  mount.source = source;
  mount.options = std::move(options);
  return mount;
}

inline ContainerInput DockerInput() {
  using oci::NamespaceType;
  ContainerInput input;
  input.id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
  input.name = "web";
  oci::RuntimeSpec& spec = input.spec;
  spec.process.emplace();
  spec.process->args = {"true"};
  spec.process->env = {"PATH=/usr/bin:/bin"};
  spec.process->user.username = "ada";
  spec.process->capabilities.emplace();
  spec.process->capabilities->bounding = {"CAP_CHOWN", "CAP_KILL"};
  spec.process->capabilities->effective = spec.process->capabilities->bounding;
  spec.process->capabilities->permitted = spec.process->capabilities->bounding;
  spec.process->rlimits = {{"RLIMIT_NOFILE", 1024, 2048}};
  spec.hostname = "box";
  spec.mounts = {
      MakeMount("/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}),
      MakeMount("/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}),
      MakeMount("/dev/pts", "devpts", "devpts", {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "gid=5"}),
      MakeMount("/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}),
      MakeMount("/sys/fs/cgroup", "cgroup", "cgroup", {"ro", "nosuid", "noexec", "nodev"}),
      MakeMount("/data", "bind", "/srv/data", {"rbind", "rprivate", "ro"}),
  };
  for (const NamespaceType type : {NamespaceType::kPid, NamespaceType::kNetwork, NamespaceType::kMount,
                                   NamespaceType::kIpc, NamespaceType::kUts, NamespaceType::kCgroup}) {
    spec.linux_config.namespaces.push_back({type, ""});
  }
  spec.linux_config.resources.memory.limit = 64 << 20;
  spec.linux_config.resources.pids_limit = 100;
  spec.linux_config.masked_paths = {"/proc/kcore"};
  spec.linux_config.readonly_paths = {"/proc/sys"};
  spec.linux_config.sysctl = {{"net.ipv4.ip_unprivileged_port_start", "0"}};
  input.storage.kind = Storage::Kind::kOverlay;
  input.storage.lowers = {{"/var/lib/estiba/snapshots/layers/b"}, {"/var/lib/estiba/snapshots/layers/a"}};
  input.storage.upper = "/var/lib/estiba/snapshots/containers/0123/fs";
  input.storage.work = "/var/lib/estiba/snapshots/containers/0123/work";
  input.network.mode = Network::Mode::kNone;
  input.cgroup_path = "/estiba/0123";
  return input;
}

inline Endpoint MakeEndpoint() {
  Endpoint endpoint;
  endpoint.bridge = {"estiba0", {ParseIpPrefix("172.17.0.1/16").value()}, 0, true};
  endpoint.veth = {"estiba0", "ve01234567", "eth0", net::MacFor(ParseIp("172.17.0.2").value()), 0};
  endpoint.inside = {"eth0", {ParseIpPrefix("172.17.0.2/16").value()}, {ParseIp("172.17.0.1").value()}};
  endpoint.ports = {{net::Protocol::kTcp, {}, 8080, ParseIp("172.17.0.2").value(), 80}};
  return endpoint;
}

}  // namespace estiba::plan
