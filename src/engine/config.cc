#include "engine/config.h"

#include <cstdlib>
#include <functional>

#include <unistd.h>

#include "base/parse.h"
#include "base/text.h"
#include "codec/toml.h"
#include "config_reader.h"
#include "spec/id_maps.h"
#include "os/file.h"

namespace estiba::engine {
namespace {

constexpr std::int64_t kMaxSize = std::int64_t{1} << 50;

void ReadLog(TomlTable table, Config& config) {
  std::string level;
  table.Read("level", &level);
  if (level == "debug") config.log_level = log::Level::kDebug;
  if (level == "info") config.log_level = log::Level::kInfo;
  if (level == "warn") config.log_level = log::Level::kWarn;
  if (level == "error") config.log_level = log::Level::kError;
  if (!level.empty() && level != "debug" && level != "info" && level != "warn" && level != "error") {
    table.Fail("level", "must be debug, info, warn or error, not '" + level + "'");
  }
  table.Read("file", &config.log_file);
  table.ReadSize("max_size", &config.log_max_size, 64 << 10, kMaxSize);
  table.ReadInt("max_files", &config.log_max_files, 1, 1000);
  table.Finish();
}

void ReadContainerLog(TomlTable table, Config& config) {
  table.ReadSize("max_size", &config.container_log_max_size, 4 << 10, kMaxSize);
  table.ReadInt("max_files", &config.container_log_max_files, 1, 1000);
  table.Finish();
}

void ReadRegistries(TomlTable table, Config& config) {
  table.Read("insecure", &config.insecure_registries);
  table.Read("default", &config.default_registry);
  table.ReadInt("parallel_ranges", &config.parallel_ranges, 1, 16);
  table.ReadInt("stall_timeout", &config.stall_timeout, 1, 3600);
  table.Read("folders", &config.registries_folders);
  for (const std::string& folder : config.registries_folders) {
    if (!folder.starts_with('/')) table.Fail("folders", "must be absolute paths, not '" + folder + "'");
  }
  table.Read("file", &config.registries_file);
  if (!config.registries_file.empty() && !config.registries_file.starts_with('/')) {
    table.Fail("file", "must be an absolute path, not '" + config.registries_file + "'");
  }
  table.Read("signatures", &config.signatures_folder);
  if (!config.signatures_folder.starts_with('/'))
    table.Fail("signatures", "must be an absolute path, not '" + config.signatures_folder + "'");
  table.Read("certs", &config.certs_folders);
  for (const std::string& folder : config.certs_folders) {
    if (!folder.starts_with('/')) table.Fail("certs", "must be absolute paths, not '" + folder + "'");
  }
  table.Finish();
}

// dockerd's "proxies" of daemon.json.
void ReadProxies(TomlTable table, Config& config) {
  table.Read("http-proxy", &config.http_proxy);
  table.Read("https-proxy", &config.https_proxy);
  table.Read("no-proxy", &config.no_proxy);
  table.Finish();
}

void ReadImages(TomlTable table, ImagePolicy& policy) {
  table.ReadSize("keep_storage", &policy.keep_storage, 0, kMaxSize);
  table.ReadDuration("unused_for", &policy.unused_for);
  table.ReadDuration("minimum_age", &policy.minimum_age);
  table.ReadBool("keep_blobs", &policy.keep_blobs);
  table.Finish();
}

void ReadCni(TomlTable table, Config& config) {
  CniConfig& cni = config.cni;
  table.ReadBool("enabled", &cni.enabled);
  if (cni.enabled && config.rootless) table.Fail("enabled", "needs root: a user's engine runs no CNI plugins");
  table.ReadPath("conf_dir", &cni.conf_dir);
  table.Read("bin_dirs", &cni.bin_dirs);
  for (const std::string& folder : cni.bin_dirs) {
    // They are handed on with ':' between them.
    if (!folder.starts_with('/') || folder.contains(':'))
      table.Fail("bin_dirs", "must be absolute paths without ':', not '" + folder + "'");
  }
  if (cni.bin_dirs.empty()) table.Fail("bin_dirs", "must name a folder");
  table.ReadInt("timeout", &cni.timeout, 1, 600);
  table.Finish();
}

void ReadNetwork(TomlTable table, Config& config) {
  table.Read("bridge", &config.bridge);
  if (config.bridge.empty() || config.bridge.size() > 15 || config.bridge.find('/') != std::string::npos) {
    table.Fail("bridge", "must be the name of a link: 1 to 15 letters without '/'");
  }
  table.Read("bridge_subnet", &config.bridge_subnet);
  table.ReadBool("bridge_ipv6", &config.bridge_ipv6);
  table.Read("bridge_subnet6", &config.bridge_subnet6);
  if (!config.bridge_subnet6.empty() && !config.bridge_subnet6.contains(':'))
    table.Fail("bridge_subnet6", "must be an IPv6 subnet, like \"fd00:1::/64\"");
  if (!config.bridge_subnet6.empty() && !config.bridge_ipv6)
    table.Fail("bridge_subnet6", "is for a default bridge with IPv6: set bridge_ipv6 = true");
  table.ReadInt("mtu", &config.mtu, 576, 65535);
  table.Read("default_bind", &config.default_bind);
  table.Read("dns", &config.dns);
  table.Read("way_out", &config.way_out);
  if (config.way_out != "auto" && config.way_out != "pasta" && config.way_out != "slirp4netns")
    table.Fail("way_out", "must be \"auto\", \"pasta\" or \"slirp4netns\", not '" + config.way_out + "'");
  std::vector<AddressPool> pools;
  table.EachTable("address_pools", [&](TomlTable pool) {
    AddressPool& made = pools.emplace_back();
    pool.Read("base", &made.base);
    if (made.base.find('/') == std::string::npos) pool.Fail("base", "must be a subnet, like \"172.17.0.0/16\"");
    pool.ReadInt("size", &made.size, 8, 30);
    pool.Finish();
  });
  if (!pools.empty()) config.address_pools = std::move(pools);
  table.Table("cni", [&](TomlTable cni) { ReadCni(std::move(cni), config); });
  table.Finish();
}

// "1024:524288" or "1024".
std::optional<std::pair<std::uint64_t, std::uint64_t>> ParseLimit(const std::string& text) {
  const std::vector<std::string> parts = Split(text, ':');
  if (parts.size() > 2) return std::nullopt;
  const auto soft = ParseUint(parts[0]);
  const auto hard = ParseUint(parts.back());
  if (!soft.ok() || !hard.ok() || soft.value() > hard.value()) return std::nullopt;
  return std::pair(soft.value(), hard.value());
}

void ReadUlimit(TomlTable& table, const char* key, std::optional<std::pair<std::uint64_t, std::uint64_t>>* out) {
  std::string text;
  table.Read(key, &text);
  if (text.empty()) return;
  *out = ParseLimit(text);
  if (!out->has_value()) table.Fail(key, "must be \"SOFT:HARD\" with SOFT no more than HARD, not '" + text + "'");
}

void ReadLimits(TomlTable table, Config& config) {
  std::int64_t pids = config.limits.pids;
  table.ReadSize("pids", &pids, 0, std::int64_t{1} << 22);
  config.limits.pids = pids;
  table.ReadSize("memory", &config.limits.memory, 0, kMaxSize);
  table.ReadSize("shm_size", &config.limits.shm_size, 1, kMaxSize);
  ReadUlimit(table, "nofile", &config.limits.nofile);
  ReadUlimit(table, "nproc", &config.limits.nproc);
  table.Finish();
}

void ReadUserns(TomlTable table, Config& config) {
  std::string mode = config.userns_auto ? "auto" : "host";
  table.Read("mode", &mode);
  if (mode != "auto" && mode != "host") table.Fail("mode", "must be \"host\" or \"auto\", not '" + mode + "'");
  config.userns_auto = mode == "auto";
  if (config.userns_auto && config.rootless) table.Fail("mode", "\"auto\" needs root: a user's ids are all in use");
  table.Read("ids", &config.userns_ids);
  if (!ParseIdPool(config.userns_ids).ok())
    table.Fail("ids", "must be \"FIRST:COUNT\", FIRST above 0, not '" + config.userns_ids + "'");
  table.Finish();
}

void ReadStorageDriver(TomlTable& top, Config& config) {
  std::string name = "auto";
  top.Read("storage_driver", &name);
  const auto driver = ParseStorageDriver(name);
  if (!driver.ok()) return top.Fail("storage_driver", driver.error().Message());
  config.storage_driver = *driver;
}

void ReadHosts(TomlTable& top, Config& config) {
  top.Read("hosts", &config.hosts);
  top.ReadBool("tls", &config.tls);
  top.ReadBool("tlsverify", &config.tlsverify);
  top.ReadPath("tlscacert", &config.tlscacert);
  top.ReadPath("tlscert", &config.tlscert);
  top.ReadPath("tlskey", &config.tlskey);
}

void ReadTop(TomlTable top, Config& config) {
  const std::string old_run_root = config.run_root;
  top.ReadPath("data_root", &config.data_root);
  top.ReadPath("run_root", &config.run_root);
  if (config.run_root != old_run_root) config.socket = config.run_root + "/estiba.sock";
  top.ReadPath("socket", &config.socket);
  top.Read("socket_group", &config.socket_group);
  ReadHosts(top, config);
  top.Read("cgroup_parent", &config.cgroup_parent);
  if (config.cgroup_parent.empty() || config.cgroup_parent.find("..") != std::string::npos) {
    top.Fail("cgroup_parent", "must be a relative or absolute cgroup path without '..'");
  }
  top.ReadPath("init_program", &config.init_program);
  ReadStorageDriver(top, config);
  top.Table("log", [&](TomlTable table) { ReadLog(std::move(table), config); });
  top.Table("container_log", [&](TomlTable table) { ReadContainerLog(std::move(table), config); });
  top.Table("registries", [&](TomlTable table) { ReadRegistries(std::move(table), config); });
  top.Table("images", [&](TomlTable table) { ReadImages(std::move(table), config.images); });
  top.Table("proxies", [&](TomlTable table) { ReadProxies(std::move(table), config); });
  top.Table("network", [&](TomlTable table) { ReadNetwork(std::move(table), config); });
  top.Table("userns", [&](TomlTable table) { ReadUserns(std::move(table), config); });
  top.Table("limits", [&](TomlTable table) { ReadLimits(std::move(table), config); });
  top.Finish();
}

std::string FromEnvironment(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr && value[0] == '/' ? value : otherwise;
}

std::string Home() { return FromEnvironment("HOME", "/"); }

std::string DefaultFile(bool rootless) {
  if (!rootless) return "/etc/estiba/estibad.toml";
  return FromEnvironment("XDG_CONFIG_HOME", Home() + "/.config") + "/estiba/estibad.toml";
}

}  // namespace

Config DefaultConfig(bool rootless, unsigned uid) {
  Config config;
  config.rootless = rootless;
  config.data_root = "/var/lib/estiba";
  config.run_root = "/run/estiba";
  config.registries_file = FromEnvironment("CONTAINERS_REGISTRIES_CONF", "");
  if (rootless) {
    const std::string own = FromEnvironment("XDG_CONFIG_HOME", Home() + "/.config");
    config.registries_folders.push_back(own + "/containers");
    config.signatures_folder = Home() + "/.local/share/containers/sigstore";  // podman's, which asks no XDG_DATA_HOME
    // The user's own word goes first.
    config.certs_folders.insert(config.certs_folders.begin(), {own + "/containers/certs.d", own + "/docker/certs.d"});
    config.data_root = FromEnvironment("XDG_DATA_HOME", Home() + "/.local/share") + "/estiba";
    const std::string runtime_dir = FromEnvironment("XDG_RUNTIME_DIR", "");
    config.run_root = runtime_dir.empty() ? "/tmp/estiba-" + std::to_string(uid) : runtime_dir + "/estiba";
  }
  config.socket = config.run_root + "/estiba.sock";
  const std::string certs = FromEnvironment("DOCKER_CERT_PATH", Home() + "/.docker");
  config.tlscacert = certs + "/ca.pem";
  config.tlscert = certs + "/cert.pem";
  config.tlskey = certs + "/key.pem";
  config.address_pools = {{"172.17.0.0/16", 16}, {"172.18.0.0/16", 16}, {"172.19.0.0/16", 16}, {"172.20.0.0/14", 16},
                          {"172.24.0.0/14", 16}, {"172.28.0.0/14", 16}, {"192.168.0.0/16", 20}};
  return config;
}

Result<StorageDriver> ParseStorageDriver(const std::string& name) {
  if (name == "auto") return StorageDriver::kAuto;
  if (name == "overlay" || name == "overlay2") return StorageDriver::kOverlay;
  if (name == "erofs") return StorageDriver::kErofs;
  if (name == "copy" || name == "vfs") return StorageDriver::kCopy;
  return Error(Code::kInvalidArgument, "must be auto, overlay, erofs or copy, not '" + name + "'");
}

Result<Config> ParseConfig(std::string_view text, const std::string& file, Config defaults) {
  const codec::TomlValue document = TRY_CTX(codec::ParseToml(text), "read '" + file + "'");
  Config config = std::move(defaults);
  config.file = file;
  std::optional<Error> error;
  ReadTop(TomlTable(document, file, &error), config);
  if (error.has_value()) return std::move(*error);
  return config;
}

Result<Config> LoadConfig(const std::optional<std::string>& file, bool rootless, unsigned uid) {
  Config config = DefaultConfig(rootless, uid);
  const std::string path = file.value_or(DefaultFile(rootless));
  auto text = os::ReadFile(path, 1 << 20);
  if (!text.ok() && text.error().errnum() == ENOENT && !file.has_value()) {
    if (config.log_file.empty()) config.log_file = config.data_root + "/estibad.log";
    return config;
  }
  if (!text.ok()) return std::move(text).error();
  config = TRY(ParseConfig(text.value(), path, std::move(config)));
  if (config.log_file.empty()) config.log_file = config.data_root + "/estibad.log";
  return config;
}

}  // namespace estiba::engine
