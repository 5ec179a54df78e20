#include "apitypes/system.h"

#include "fields.h"

namespace estiba::apitypes {
template <typename A>
void Describe(A& f, Component& v) {
  f("Name", v.name);
  f("Version", v.version);
  f.Omit("Details", v.details);
}
template <typename A>
void Describe(A& f, Version& v) {
  f.Inside("Platform", [&](auto& p) { p("Name", v.platform_name); });
  f.Omit("Components", v.components);
  f("Version", v.version);
  f("ApiVersion", v.api_version);
  f("MinAPIVersion", v.min_api_version);
  f("GitCommit", v.git_commit);
  f("GoVersion", v.language_version);
  f("Os", v.os);
  f("Arch", v.arch);
  f("KernelVersion", v.kernel_version);
  f.Omit("Experimental", v.experimental);
  f("BuildTime", v.build_time);
}

template <typename A>
void DescribeHost(A& f, Info& v) {
  f("MemoryLimit", v.memory_limit);
  f("SwapLimit", v.swap_limit);
  f("CpuCfsPeriod", v.cpu_cfs_period);
  f("CpuCfsQuota", v.cpu_cfs_quota);
  f("CPUShares", v.cpu_shares);
  f("CPUSet", v.cpu_set);
  f("PidsLimit", v.pids_limit);
  f("IPv4Forwarding", v.ipv4_forwarding);
  f("Debug", v.debug);
  f("NFd", v.n_fd);
  f("OomKillDisable", v.oom_kill_disable);
  f("NGoroutines", v.n_threads);
  f("SystemTime", v.system_time);
  f("LoggingDriver", v.logging_driver);
  f("CgroupDriver", v.cgroup_driver);
  f("CgroupVersion", v.cgroup_version);
  f("NEventsListener", v.n_events_listener);
  f("KernelVersion", v.kernel_version);
  f("OperatingSystem", v.operating_system);
  f("OSVersion", v.os_version);
  f("OSType", v.os_type);
  f("Architecture", v.architecture);
  f("IndexServerAddress", v.index_server_address);
}

template <typename A>
void Describe(A& f, Info& v) {
  f("ID", v.id);
  f("Containers", v.containers);
  f("ContainersRunning", v.containers_running);
  f("ContainersPaused", v.containers_paused);
  f("ContainersStopped", v.containers_stopped);
  f("Images", v.images);
  f("Driver", v.driver);
  f("DriverStatus", v.driver_status);
  f.Inside("Plugins", [&](auto& p) {
    p("Volume", v.volume_plugins);
    p("Network", v.network_plugins);
    codec::Json none;
    p("Authorization", none);
    p("Log", v.log_plugins);
  });
  DescribeHost(f, v);
  f("NCPU", v.n_cpu);
  f("MemTotal", v.mem_total);
  f("DockerRootDir", v.root_dir);
  f("HttpProxy", v.http_proxy);
  f("HttpsProxy", v.https_proxy);
  f("NoProxy", v.no_proxy);
  f("Name", v.name);
  f("Labels", v.labels);
  f("ExperimentalBuild", v.experimental_build);
  f("ServerVersion", v.server_version);
  f("DefaultRuntime", v.default_runtime);
  f("LiveRestoreEnabled", v.live_restore_enabled);
  f("InitBinary", v.init_binary);
  f("SecurityOptions", v.security_options);
  f.Inside("FirewallBackend", [&](auto& b) { b("Driver", v.firewall_backend); });
  f.Null("Warnings", v.warnings);
}

// Go's client parses InsecureRegistryCIDRs as networks, so names go to IndexConfigs.
static codec::Json RegistryConfig(const std::vector<std::string>& insecure) {
  codec::Json cidrs = codec::Json::MakeArray();
  codec::Json indexes = codec::Json::MakeObject();
  for (const std::string& registry : insecure) {
    if (registry.find('/') != std::string::npos) {
      cidrs.Append(registry);
    } else {
      indexes.Set(registry, codec::Json::MakeObject({{"Name", registry},
                                                     {"Mirrors", codec::Json::MakeArray()},
                                                     {"Secure", false},
                                                     {"Official", false}}));
    }
  }
  return codec::Json::MakeObject({{"InsecureRegistryCIDRs", std::move(cidrs)},
                                  {"IndexConfigs", std::move(indexes)},
                                  {"Mirrors", codec::Json::MakeArray()}});
}

static codec::Json NoSwarm() {
  return codec::Json::MakeObject({{"NodeID", ""},
                                  {"NodeAddr", ""},
                                  {"LocalNodeState", "inactive"},
                                  {"ControlAvailable", false},
                                  {"Error", ""},
                                  {"RemoteManagers", nullptr}});
}

template <typename A>
void Describe(A& f, Event& v) {
  f("Type", v.type);
  f("Action", v.action);
  f.Inside("Actor", [&](auto& a) {
    a("ID", v.actor_id);
    a("Attributes", v.attributes);
  });
  f("scope", v.scope);
}

codec::Json Version::ToJson() const { return Write(*this); }
Result<Version> Version::FromJson(const codec::Json& json) { return Load<Version>(json); }

codec::Json Info::ToJson() const {
  codec::Json json = Write(*this);
  json.Add("RegistryConfig", RegistryConfig(insecure_registries));
  codec::Json& programs = json.Add("Runtimes", codec::Json::MakeObject());
  for (const auto& [runtime, path] : runtimes)
    programs.Add(runtime, codec::Json::MakeObject({{"path", path}}));
  json.Add("Swarm", NoSwarm());
  json.Add("GenericResources", nullptr);
  json.Add("Isolation", "");
  for (const char* commit : {"ContainerdCommit", "RuncCommit", "InitCommit"}) {
    json.Add(commit, codec::Json::MakeObject({{"ID", ""}}));
  }
  return json;
}

Result<Info> Info::FromJson(const codec::Json& json) {
  Info info = TRY(Load<Info>(json));
  codec::Reader reader(json, "", codec::Reader::Keys::kFoldCase);
  reader.EachMember("Runtimes", [&](const std::string& runtime, codec::Reader& r) {
    r.Read("path", &info.runtimes[runtime]);
  });
  reader.Object("RegistryConfig", [&](codec::Reader& registry) {
    registry.Read("InsecureRegistryCIDRs", &info.insecure_registries);
    registry.EachMember("IndexConfigs", [&](const std::string& host, codec::Reader& index) {
      bool secure = true;
      index.Read("Secure", &secure);
      if (!secure) info.insecure_registries.push_back(host);
    });
  });
  TRY(reader.Finish());
  return info;
}

codec::Json Event::ToJson() const {
  codec::Json json = codec::Json::MakeObject();
  if (type == "container" || type == "image") {
    json.Add("status", action);
    json.Add("id", actor_id);
    const auto image = attributes.find("image");
    if (type == "container" && image != attributes.end()) json.Add("from", image->second);
  }
  codec::Json rest = Write(*this);
  for (codec::Json::Member& member : *rest.IfObject())
    json.Add(std::move(member.key), std::move(member.value));
  json.Add("time", time_nano / 1000000000);
  json.Add("timeNano", time_nano);
  return json;
}

Result<Event> Event::FromJson(const codec::Json& json) {
  Event event = TRY(Load<Event>(json));
  codec::Reader reader(json, "", codec::Reader::Keys::kFoldCase);
  reader.Read("timeNano", &event.time_nano);
  TRY(reader.Finish());
  return event;
}

std::string ErrorBody(const std::string& message) {
  return codec::Json::MakeObject({{"message", message}}).Dump() + "\n";
}

}  // namespace estiba::apitypes
