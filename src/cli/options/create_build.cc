#include <algorithm>

#include "base/duration.h"
#include "base/text.h"
#include "options/create_flags.h"
#include "options/limits.h"
#include "options/mounts.h"
#include "options/networks.h"
#include "options/ports.h"
#include "options/values.h"

namespace estiba::cli {
namespace {

using apitypes::ContainerConfig;
using apitypes::HostConfig;

Error Bad(std::string text) { return {Code::kInvalidArgument, std::move(text)}; }

// As the parser would have said, for values only the whole request can judge.
Error BadValue(const std::string& value, std::string_view flag, const Error& why) {
  return Bad("invalid argument \"" + value + "\" for \"" + std::string(flag) + "\" flag: " + why.Message());
}

// Runs `parse` on each value; an error names the option and the value.
template <typename F>
Status EachValue(const Options& options, std::string_view name, std::string_view title, F parse) {
  for (const std::string& value : options.List(name)) {
    Status parsed = parse(value);
    if (!parsed.ok()) return BadValue(value, title, parsed.error());
  }
  return Ok();
}

// Each value parsed into a list.
template <typename T>
Status EachInto(const Options& options, std::string_view name, std::string_view title,
                Result<T> (*parse)(const std::string&), std::vector<T>* out) {
  return EachValue(options, name, title, [&](const std::string& value) -> Status {
    auto parsed = parse(value);
    if (!parsed.ok()) return std::move(parsed).error();
    out->push_back(std::move(parsed).value());
    return Ok();
  });
}

Status CheckMode(std::string_view flag, const std::string& value,
                 std::initializer_list<std::string_view> words, bool container, std::string_view what) {
  const bool known = value.empty() || std::find(words.begin(), words.end(), value) != words.end() ||
                     (container && value.starts_with("container:") && value.size() > 10);
  return known ? Ok() : Bad(std::string(flag) + ": invalid " + std::string(what) + " mode");
}

Status Attachments(const Options& options, bool detached, ContainerConfig* config) {
  config->tty = options.On("tty");
  config->open_stdin = options.On("interactive");
  for (const std::string& stream : options.List("attach")) {
    const std::string name = ToLower(stream);
    if (name == "stdin") {
      config->attach_stdin = true;
    } else if (name == "stdout") {
      config->attach_stdout = true;
    } else if (name == "stderr") {
      config->attach_stderr = true;
    } else {
      return BadValue(stream, "-a, --attach", Bad("valid streams are STDIN, STDOUT and STDERR"));
    }
  }
  if (options.List("attach").empty()) {
    config->attach_stdout = config->attach_stderr = true;
    config->attach_stdin = config->open_stdin;
  } else if (detached) {
    return Bad("conflicting options: cannot specify both --attach and --detach");
  }
  if (detached) config->attach_stdin = config->attach_stdout = config->attach_stderr = false;
  config->stdin_once = config->open_stdin && config->attach_stdin;
  return Ok();
}

Status Health(const Options& options, ContainerConfig* config) {
  apitypes::HealthConfig health;
  bool given = false;
  const auto duration = [&](std::string_view name, std::int64_t* out) -> Status {
    if (!options.Has(name)) return Ok();
    given = true;
    const auto parsed = ParseGoDuration(options.Text(name));
    if (!parsed.ok()) return BadValue(options.Text(name), "--" + std::string(name), parsed.error());
    if (parsed->count() < 0) return Bad("--" + std::string(name) + " cannot be negative");
    *out = parsed->count();
    return Ok();
  };
  TRY(duration("health-interval", &health.interval));
  TRY(duration("health-timeout", &health.timeout));
  TRY(duration("health-start-period", &health.start_period));
  TRY(duration("health-start-interval", &health.start_interval));
  given = given || options.Has("health-cmd") || options.Has("health-retries");
  health.retries = options.Int("health-retries");
  if (health.retries < 0) return Bad("--health-retries cannot be negative");
  if (options.On("no-healthcheck")) {
    if (given || options.Has("health-on-failure"))
      return Bad("--no-healthcheck conflicts with --health-* options");
    health.test = {"NONE"};
    config->healthcheck = std::move(health);
  } else if (given) {
    if (!options.Text("health-cmd").empty()) health.test = {"CMD-SHELL", options.Text("health-cmd")};
    config->healthcheck = std::move(health);
  }
  return Ok();
}

Status Process(const Options& options, Lookup lookup, ContainerConfig* config) {
  config->image = options.arg(0);
  if (options.args().size() > 1)
    config->cmd = std::vector<std::string>(options.args().begin() + 1, options.args().end());
  // --entrypoint "" takes the image's entrypoint away: the API says so with one empty word.
  if (options.Has("entrypoint")) config->entrypoint = std::vector<std::string>{options.Text("entrypoint")};
  config->hostname = options.Text("hostname");
  config->domainname = options.Text("domainname");
  config->user = options.Text("user");
  config->working_dir = options.Text("workdir");
  config->stop_signal = options.Text("stop-signal");
  if (options.Has("stop-timeout")) config->stop_timeout = options.Int("stop-timeout");
  config->env = TRY(ReadEnvironment(options.List("env-file"), options.List("env"), lookup));
  config->labels = TRY(ReadLabels(options.List("label-file"), options.List("label")));
  return Health(options, config);
}

Status Storage(const Options& options, ContainerConfig* config, HostConfig* host) {
  TRY(EachValue(options, "volume", "-v, --volume", [&](const std::string& value) {
    return ParseVolume(value, &host->binds, &config->volumes);
  }));
  TRY(EachInto(options, "mount", "--mount", ParseMount, &host->mounts));
  for (const std::string& value : options.List("tmpfs")) {
    const auto colon = value.find(':');
    host->tmpfs[value.substr(0, colon)] = colon == std::string::npos ? "" : value.substr(colon + 1);
  }
  host->volumes_from = options.List("volumes-from");
  host->volume_driver = options.Text("volume-driver");
  host->readonly_rootfs = options.On("read-only");
  host->shm_size = options.Bytes("shm-size");
  host->storage_opt = PairsToMap(options.List("storage-opt"));
  return Ok();
}

Result<apitypes::ThrottleDevice> BytesPerSecond(const std::string& text) { return ParseThrottle(text, true); }
Result<apitypes::ThrottleDevice> OperationsPerSecond(const std::string& text) {
  return ParseThrottle(text, false);
}

Status Throttles(const Options& options, apitypes::Resources* limits) {
  TRY(EachInto(options, "device-read-bps", "--device-read-bps", BytesPerSecond,
               &limits->blkio_device_read_bps));
  TRY(EachInto(options, "device-write-bps", "--device-write-bps", BytesPerSecond,
               &limits->blkio_device_write_bps));
  TRY(EachInto(options, "device-read-iops", "--device-read-iops", OperationsPerSecond,
               &limits->blkio_device_read_iops));
  return EachInto(options, "device-write-iops", "--device-write-iops", OperationsPerSecond,
                  &limits->blkio_device_write_iops);
}

// What `update` can change.
Status UpdatableLimits(const Options& options, apitypes::Resources* limits) {
  limits->memory = options.Bytes("memory");
  limits->memory_reservation = options.Bytes("memory-reservation");
  limits->memory_swap = options.Bytes("memory-swap");
  if (options.Has("cpus")) limits->nano_cpus = TRY(ParseNanoCpus(options.Text("cpus")));
  limits->cpu_shares = options.Int("cpu-shares");
  limits->cpu_period = options.Int("cpu-period");
  limits->cpu_quota = options.Int("cpu-quota");
  limits->cpuset_cpus = options.Text("cpuset-cpus");
  limits->cpuset_mems = options.Text("cpuset-mems");
  if (options.Has("pids-limit")) limits->pids_limit = options.Int("pids-limit");
  const std::int64_t weight = options.Int("blkio-weight");
  if (weight < 0 || weight > 1000) return Bad("--blkio-weight must be between 10 and 1000, or 0");
  limits->blkio_weight = static_cast<std::uint16_t>(weight);
  return Ok();
}

Status Limits(const Options& options, apitypes::Resources* limits) {
  TRY(UpdatableLimits(options, limits));
  if (const auto swappiness = options.Int("memory-swappiness", -1); swappiness != -1) {
    if (swappiness < 0 || swappiness > 100)
      return Bad("invalid value: " + std::to_string(swappiness) + ". Valid memory swappiness range is 0-100");
    limits->memory_swappiness = swappiness;
  }
  limits->cgroup_parent = options.Text("cgroup-parent");
  if (options.Has("oom-kill-disable")) limits->oom_kill_disable = options.On("oom-kill-disable");
  TRY(EachInto(options, "ulimit", "--ulimit", ParseUlimit, &limits->ulimits));
  TRY(EachInto(options, "device", "--device", ParseDevice, &limits->devices));
  limits->device_cgroup_rules = options.List("device-cgroup-rule");
  return Throttles(options, limits);
}

// --uidmap and --gidmap are the mode "map".
Result<std::string> UsernsMode(const Options& options) {
  std::string mode = options.Text("userns");
  std::vector<std::string> maps;
  for (const std::string& map : options.List("uidmap")) maps.push_back("uidmapping=" + map);
  for (const std::string& map : options.List("gidmap")) maps.push_back("gidmapping=" + map);
  if (!maps.empty()) {
    if (!mode.empty()) return Bad("conflicting options: --userns and --uidmap, --gidmap");
    return "map:" + Join(maps, ",");
  }
  const bool known = mode.empty() || mode == "host" || mode == "auto" || mode.starts_with("auto:");
  if (!known) return Bad("--userns: invalid USER mode");
  return mode;
}

Status Isolation(const Options& options, HostConfig* host) {
  host->pid_mode = options.Text("pid");
  host->ipc_mode = options.Text("ipc");
  host->uts_mode = options.Text("uts");
  host->userns_mode = TRY(UsernsMode(options));
  host->cgroupns_mode = options.Text("cgroupns");
  TRY(CheckMode("--pid", host->pid_mode, {"host"}, true, "PID"));
  TRY(CheckMode("--ipc", host->ipc_mode, {"host", "private", "shareable", "none"}, true, "IPC"));
  TRY(CheckMode("--uts", host->uts_mode, {"host"}, false, "UTS"));
  TRY(CheckMode("--cgroupns", host->cgroupns_mode, {"host", "private"}, false, "CGROUP"));
  host->privileged = options.On("privileged");
  host->cap_add = options.List("cap-add");
  host->cap_drop = options.List("cap-drop");
  host->group_add = options.List("group-add");
  host->sysctls = PairsToMap(options.List("sysctl"));
  host->oom_score_adj = options.Int("oom-score-adj");
  auto security = TRY(ReadSecurityOptions(options.List("security-opt")));
  host->security_opt = std::move(security.options);
  if (security.system_paths_unconfined) {
    host->masked_paths.emplace();
    host->readonly_paths.emplace();
  }
  return Ok();
}

Status Lifecycle(const Options& options, HostConfig* host) {
  host->auto_remove = options.On("rm");
  host->restart_policy = TRY(ParseRestart(options.Text("restart", "no")));
  const std::string& policy = host->restart_policy.name;
  if (host->auto_remove && !policy.empty() && policy != "no")
    return Bad("conflicting options: cannot specify both --restart and --rm");
  if (options.Has("init")) host->init = options.On("init");
  host->log_config.type = options.Text("log-driver");
  host->log_config.config = PairsToMap(options.List("log-opt"));
  host->runtime = options.Text("runtime");
  host->annotations = PairsToMap(options.List("annotation"));
  // The API has no field for podman's option.
  if (options.Has("health-on-failure"))
    host->annotations["dev.estiba.health-on-failure"] = options.Text("health-on-failure");
  host->container_id_file = options.Text("cidfile");
  return Ok();
}

Status Ports(const Options& options, ContainerConfig* config, HostConfig* host) {
  for (const std::string& value : options.List("publish"))
    TRY(ParsePublish(value, &host->port_bindings, &config->exposed_ports));
  for (const std::string& value : options.List("expose")) TRY(ParseExpose(value, &config->exposed_ports));
  host->publish_all_ports = options.On("publish-all");
  return Ok();
}

Status CheckPull(const std::string& pull) {
  if (pull == "always" || pull == "missing" || pull == "never") return Ok();
  return Bad("invalid pull option: '" + pull + "': must be one of \"always\", \"missing\" or \"never\"");
}

}  // namespace

Result<CreateRequest> BuildCreate(const Options& options, bool detached, Lookup lookup) {
  CreateRequest request;
  ContainerConfig& config = request.create.config;
  HostConfig& host = request.create.host_config;
  request.name = options.Text("name");
  request.platform = options.Text("platform");
  request.pull = options.Text("pull", "missing");
  request.quiet = options.On("quiet");
  request.cid_file = options.Text("cidfile");
  TRY(CheckPull(request.pull));
  TRY(Attachments(options, detached, &config));
  TRY(Process(options, lookup, &config));
  TRY(Storage(options, &config, &host));
  TRY(Limits(options, &host.resources));
  TRY(Isolation(options, &host));
  TRY(Lifecycle(options, &host));
  TRY(Ports(options, &config, &host));
  TRY(ParseNetworks(options, &request.create));
  TRY(EachInto(options, "add-host", "--add-host", ParseExtraHost, &host.extra_hosts));
  host.dns = options.List("dns");
  host.dns_options = options.List("dns-option");
  host.dns_search = options.List("dns-search");
  return request;
}

Result<apitypes::ContainerUpdate> BuildUpdate(const Options& options) {
  apitypes::ContainerUpdate update;
  TRY(UpdatableLimits(options, &update.resources));
  if (options.Has("restart")) update.restart_policy = TRY(ParseRestart(options.Text("restart")));
  return update;
}

}  // namespace estiba::cli
