#include "apitypes/container_inspect.h"

#include "describe.h"

namespace estiba::apitypes {
template <typename A>
void Describe(A& f, HealthLogEntry& v) {
  f("Start", v.start);
  f("End", v.end);
  f("ExitCode", v.exit_code);
  f("Output", v.output);
}
template <typename A>
void Describe(A& f, Health& v) {
  f("Status", v.status);
  f("FailingStreak", v.failing_streak);
  f("Log", v.log);
}
template <typename A>
void Describe(A& f, HealthRun& v) {
  f("Status", v.status);
  f("ExitCode", v.exit_code);
  f("Output", v.output);
}
template <typename A>
void Describe(A& f, ContainerState& v) {
  f("Status", v.status);
  f("Running", v.running);
  f("Paused", v.paused);
  f("Restarting", v.restarting);
  f("OOMKilled", v.oom_killed);
  f("Dead", v.dead);
  f("Pid", v.pid);
  f("ExitCode", v.exit_code);
  f("Error", v.error);
  f("StartedAt", v.started_at);
  f("FinishedAt", v.finished_at);
  f.Omit("Health", v.health);
}

// Members that Docker wrote until API 1.52 and that always hold nothing here.
static void WriteLegacy(Writer& f) {
  f("HairpinMode", false);
  f("LinkLocalIPv6Address", std::string());
  f("LinkLocalIPv6PrefixLen", 0);
  f("SecondaryIPAddresses", codec::Json());
  f("SecondaryIPv6Addresses", codec::Json());
}
static void WriteLegacy(Loader&) {}

template <typename A>
void Describe(A& f, NetworkSettings& v) {
  f("Bridge", v.bridge);
  f("SandboxID", v.sandbox_id);
  f("SandboxKey", v.sandbox_key);
  f.Ports("Ports", v.ports);
  WriteLegacy(f);
  f("EndpointID", v.endpoint_id);
  f("Gateway", v.gateway);
  f("GlobalIPv6Address", v.global_ipv6_address);
  f("GlobalIPv6PrefixLen", v.global_ipv6_prefix_len);
  f("IPAddress", v.ip_address);
  f("IPPrefixLen", v.ip_prefix_len);
  f("IPv6Gateway", v.ipv6_gateway);
  f("MacAddress", v.mac_address);
  f("Networks", v.networks);
}

template <typename A>
void Describe(A& f, ContainerInspect& v) {
  f("Id", v.id);
  f("Created", v.created);
  f("Path", v.path);
  f("Args", v.args);
  f("State", v.state);
  f("Image", v.image);
  f("ResolvConfPath", v.resolv_conf_path);
  f("HostnamePath", v.hostname_path);
  f("HostsPath", v.hosts_path);
  f("LogPath", v.log_path);
  f("Name", v.name);
  f("RestartCount", v.restart_count);
  f("Driver", v.driver);
  f("Platform", v.platform);
  f("MountLabel", v.mount_label);
  f("ProcessLabel", v.process_label);
  f("AppArmorProfile", v.app_armor_profile);
  f.Null("ExecIDs", v.exec_ids);
  f("HostConfig", v.host_config);
  f("GraphDriver", v.graph_driver);
  f.Omit("ImageManifestDescriptor", v.image_manifest);
  f.Omit("SizeRw", v.size_rw);
  f.Omit("SizeRootFs", v.size_root_fs);
  f("Mounts", v.mounts);
  f("Config", v.config);
  f("NetworkSettings", v.network_settings);
}

codec::Json ContainerInspect::ToJson() const {
  codec::Json json = Write(*this);
  if (host_config.console_size.empty()) json.Find("HostConfig")->Set("ConsoleSize", codec::Json::Array{0, 0});
  return json;
}
codec::Json HealthRun::ToJson() const { return Write(*this); }
Result<ContainerInspect> ContainerInspect::FromJson(const codec::Json& json) {
  return Load<ContainerInspect>(json);
}

}  // namespace estiba::apitypes
