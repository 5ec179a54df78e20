#pragma once
// Descriptions that more than one file needs (declared for two-phase lookup; see fields.h).

#include "apitypes/container.h"
#include "apitypes/container_inspect.h"
#include "apitypes/host_config.h"
#include "apitypes/network.h"
#include "fields.h"

namespace estiba::apitypes {

template <typename A>
void Describe(A& f, EndpointIpamConfig& v) {
  f.Omit("IPv4Address", v.ipv4_address);
  f.Omit("IPv6Address", v.ipv6_address);
  f.Omit("LinkLocalIPs", v.link_local_ips);
}

template <typename A>
void Describe(A& f, EndpointSettings& v) {
  f("IPAMConfig", v.ipam_config);
  f.Null("Links", v.links);
  f.Null("Aliases", v.aliases);
  f("MacAddress", v.mac_address);
  f.Null("DriverOpts", v.driver_opts);
  f("GwPriority", v.gw_priority);
  f("NetworkID", v.network_id);
  f("EndpointID", v.endpoint_id);
  f("Gateway", v.gateway);
  f("IPAddress", v.ip_address);
  f("IPPrefixLen", v.ip_prefix_len);
  f("IPv6Gateway", v.ipv6_gateway);
  f("GlobalIPv6Address", v.global_ipv6_address);
  f("GlobalIPv6PrefixLen", v.global_ipv6_prefix_len);
  f.Null("DNSNames", v.dns_names);
}

template <typename A>
void Describe(A& f, RestartPolicy& v) {
  f("Name", v.name);
  f("MaximumRetryCount", v.maximum_retry_count);
}
template <typename A>
void Describe(A& f, WeightDevice& v) {
  f("Path", v.path);
  f("Weight", v.weight);
}
template <typename A>
void Describe(A& f, ThrottleDevice& v) {
  f("Path", v.path);
  f("Rate", v.rate);
}
template <typename A>
void Describe(A& f, DeviceMapping& v) {
  f("PathOnHost", v.path_on_host);
  f("PathInContainer", v.path_in_container);
  f("CgroupPermissions", v.cgroup_permissions);
}
template <typename A>
void Describe(A& f, DeviceRequest& v) {
  f("Driver", v.driver);
  f("Count", v.count);
  f.Null("DeviceIDs", v.device_ids);
  f("Capabilities", v.capabilities);
  f("Options", v.options);
}
template <typename A>
void Describe(A& f, Ulimit& v) {
  f("Name", v.name);
  f("Hard", v.hard);
  f("Soft", v.soft);
}

template <typename A>
void Describe(A& f, Resources& v) {
  f("CpuShares", v.cpu_shares);
  f("Memory", v.memory);
  f("NanoCpus", v.nano_cpus);
  f("CgroupParent", v.cgroup_parent);
  f("BlkioWeight", v.blkio_weight);
  f("BlkioWeightDevice", v.blkio_weight_device);
  f("BlkioDeviceReadBps", v.blkio_device_read_bps);
  f("BlkioDeviceWriteBps", v.blkio_device_write_bps);
  f("BlkioDeviceReadIOps", v.blkio_device_read_iops);
  f("BlkioDeviceWriteIOps", v.blkio_device_write_iops);
  f("CpuPeriod", v.cpu_period);
  f("CpuQuota", v.cpu_quota);
  f("CpuRealtimePeriod", v.cpu_realtime_period);
  f("CpuRealtimeRuntime", v.cpu_realtime_runtime);
  f("CpusetCpus", v.cpuset_cpus);
  f("CpusetMems", v.cpuset_mems);
  f("Devices", v.devices);
  f.Null("DeviceCgroupRules", v.device_cgroup_rules);
  f.Null("DeviceRequests", v.device_requests);
  f.Omit("KernelMemory", v.kernel_memory);
  f.Omit("KernelMemoryTCP", v.kernel_memory_tcp);
  f("MemoryReservation", v.memory_reservation);
  f("MemorySwap", v.memory_swap);
  f("MemorySwappiness", v.memory_swappiness);
  f("OomKillDisable", v.oom_kill_disable);
  f("PidsLimit", v.pids_limit);
  f("Ulimits", v.ulimits);
  f("CpuCount", v.cpu_count);
  f("CpuPercent", v.cpu_percent);
  f("IOMaximumIOps", v.io_maximum_iops);
  f("IOMaximumBandwidth", v.io_maximum_bandwidth);
}

template <typename A>
void Describe(A& f, HealthConfig& v) {
  f.Omit("Test", v.test);
  f.Omit("Interval", v.interval);
  f.Omit("Timeout", v.timeout);
  f.Omit("StartPeriod", v.start_period);
  f.Omit("StartInterval", v.start_interval);
  f.Omit("Retries", v.retries);
}

template <typename A>
void Describe(A& f, ContainerConfig& v) {
  f("Hostname", v.hostname);
  f("Domainname", v.domainname);
  f("User", v.user);
  f("AttachStdin", v.attach_stdin);
  f("AttachStdout", v.attach_stdout);
  f("AttachStderr", v.attach_stderr);
  f.Omit("ExposedPorts", v.exposed_ports);
  f("Tty", v.tty);
  f("OpenStdin", v.open_stdin);
  f("StdinOnce", v.stdin_once);
  f("Env", v.env);
  f.StringOrList("Cmd", v.cmd);
  f.Omit("Healthcheck", v.healthcheck);
  f.Omit("ArgsEscaped", v.args_escaped);
  f("Image", v.image);
  f.Null("Volumes", v.volumes);
  f("WorkingDir", v.working_dir);
  f.StringOrList("Entrypoint", v.entrypoint);
  f.Omit("NetworkDisabled", v.network_disabled);
  f.Omit("MacAddress", v.mac_address);
  f.Null("OnBuild", v.on_build);
  f("Labels", v.labels);
  f.Omit("StopSignal", v.stop_signal);
  f.Omit("StopTimeout", v.stop_timeout);
  f.Omit("Shell", v.shell);
}

template <typename A>
void Describe(A& f, GraphDriver& v) {
  f.Null("Data", v.data);
  f("Name", v.name);
}

template <typename A>
void Describe(A& f, ManifestDescriptor& v) {
  f("mediaType", v.media_type);
  f("digest", v.digest);
  f("size", v.size);
  f.Omit("artifactType", v.artifact_type);
  f.Omit("annotations", v.annotations);
}

template <typename A>
void Describe(A& f, MountPoint& v) {
  f.Omit("Type", v.type);
  f.Omit("Name", v.name);
  f("Source", v.source);
  f("Destination", v.destination);
  f.Omit("Driver", v.driver);
  f("Mode", v.mode);
  f("RW", v.rw);
  f("Propagation", v.propagation);
}

template <typename A>
void Describe(A& f, LogConfig& v) {
  f("Type", v.type);
  f("Config", v.config);
}
template <typename A>
void Describe(A& f, BindOptions& v) {
  f.Omit("Propagation", v.propagation);
  f.Omit("NonRecursive", v.non_recursive);
  f.Omit("CreateMountpoint", v.create_mountpoint);
  f.Omit("ReadOnlyNonRecursive", v.read_only_non_recursive);
  f.Omit("ReadOnlyForceRecursive", v.read_only_force_recursive);
  f.Omit("IDMap", v.id_map);
}
template <typename A>
void Describe(A& f, VolumeOptions& v) {
  f.Omit("NoCopy", v.no_copy);
  f.Omit("Labels", v.labels);
  f.Inside("DriverConfig", [&](auto& d) {
    d.Omit("Name", v.driver_name);
    d.Omit("Options", v.driver_options);
  });
  f.Omit("Subpath", v.subpath);
}
template <typename A>
void Describe(A& f, TmpfsOptions& v) {
  f.Omit("SizeBytes", v.size_bytes);
  f.Omit("Mode", v.mode);
  f.Omit("Options", v.options);
}
template <typename A>
void Describe(A& f, ImageOptions& v) {
  f.Omit("Subpath", v.subpath);
}
template <typename A>
void Describe(A& f, Mount& v) {
  f("Type", v.type);
  f.Omit("Source", v.source);
  f("Target", v.target);
  f.Omit("ReadOnly", v.read_only);
  f.Omit("Consistency", v.consistency);
  f.Omit("BindOptions", v.bind_options);
  f.Omit("VolumeOptions", v.volume_options);
  f.Omit("TmpfsOptions", v.tmpfs_options);
  f.Omit("ImageOptions", v.image_options);
}

template <typename A>
void Describe(A& f, HostConfig& v) {
  f.Null("Binds", v.binds);
  f("ContainerIDFile", v.container_id_file);
  f("LogConfig", v.log_config);
  f("NetworkMode", v.network_mode);
  f.Ports("PortBindings", v.port_bindings);
  f("RestartPolicy", v.restart_policy);
  f("AutoRemove", v.auto_remove);
  f("VolumeDriver", v.volume_driver);
  f.Null("VolumesFrom", v.volumes_from);
  f("ConsoleSize", v.console_size);
  f.Omit("Annotations", v.annotations);
  f.Null("CapAdd", v.cap_add);
  f.Null("CapDrop", v.cap_drop);
  f("CgroupnsMode", v.cgroupns_mode);
  f("Dns", v.dns);
  f("DnsOptions", v.dns_options);
  f("DnsSearch", v.dns_search);
  f.Null("ExtraHosts", v.extra_hosts);
  f.Null("GroupAdd", v.group_add);
  f("IpcMode", v.ipc_mode);
  f("Cgroup", v.cgroup);
  f.Null("Links", v.links);
  f("OomScoreAdj", v.oom_score_adj);
  f("PidMode", v.pid_mode);
  f("Privileged", v.privileged);
  f("PublishAllPorts", v.publish_all_ports);
  f("ReadonlyRootfs", v.readonly_rootfs);
  f.Null("SecurityOpt", v.security_opt);
  f.Omit("StorageOpt", v.storage_opt);
  f.Omit("Tmpfs", v.tmpfs);
  f("UTSMode", v.uts_mode);
  f("UsernsMode", v.userns_mode);
  f("ShmSize", v.shm_size);
  f.Omit("Sysctls", v.sysctls);
  f("Runtime", v.runtime);
  f("Isolation", v.isolation);
  Describe(f, v.resources);
  f.Omit("Mounts", v.mounts);
  f("MaskedPaths", v.masked_paths);
  f("ReadonlyPaths", v.readonly_paths);
  f.Omit("Init", v.init);
}

}  // namespace estiba::apitypes
