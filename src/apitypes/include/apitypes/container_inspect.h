#pragma once
// GET /containers/{id}/json.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "apitypes/container.h"
#include "apitypes/host_config.h"
#include "apitypes/network.h"
#include "codec/json.h"

namespace estiba::apitypes {

struct HealthLogEntry {
  std::string start;  // RFC 3339
  std::string end;
  std::int64_t exit_code = 0;
  std::string output;
};

struct Health {
  std::string status;  // "starting", "healthy", "unhealthy"
  std::int64_t failing_streak = 0;
  std::vector<HealthLogEntry> log;
};

// Answer of POST /estiba/v1/containers/{id}/healthcheck: one probe, and what the container is by it.
struct HealthRun {
  std::string status;
  std::int64_t exit_code = 0;  // -1: it could not be run, or took too long
  std::string output;

  codec::Json ToJson() const;
};

struct ContainerState {
  std::string status;  // created, running, paused, restarting, removing, exited, dead
  bool running = false;
  bool paused = false;
  bool restarting = false;
  bool oom_killed = false;
  bool dead = false;
  std::int64_t pid = 0;
  std::int64_t exit_code = 0;
  std::string error;
  std::string started_at = "0001-01-01T00:00:00Z";
  std::string finished_at = "0001-01-01T00:00:00Z";
  std::optional<Health> health;
};

struct GraphDriver {
  std::map<std::string, std::string> data;  // LowerDir, MergedDir, UpperDir, WorkDir
  std::string name;                         // "overlay2"
};

// What an image's name stands for, as registries describe it (OCI image-spec, "Descriptor"); `annotations` are those of
// its manifest.
struct ManifestDescriptor {
  std::string media_type;
  std::string digest;
  std::int64_t size = 0;
  std::string artifact_type;  // of what is no image
  std::map<std::string, std::string> annotations;
};

struct NetworkSettings {
  std::string bridge;
  std::string sandbox_id;
  std::string sandbox_key;
  // Published ports; an exposed but unpublished one has an empty list, written as null.
  PortMap ports;
  // Of the default bridge, dropped by API 1.52.
  std::string endpoint_id;
  std::string gateway;
  std::string global_ipv6_address;
  std::int64_t global_ipv6_prefix_len = 0;
  std::string ip_address;
  std::int64_t ip_prefix_len = 0;
  std::string ipv6_gateway;
  std::string mac_address;
  std::map<std::string, EndpointSettings> networks;
};

struct ContainerInspect {
  std::string id;
  std::string created;  // RFC 3339
  std::string path;
  std::vector<std::string> args;
  ContainerState state;
  std::string image;  // "sha256:…"
  std::string resolv_conf_path;
  std::string hostname_path;
  std::string hosts_path;
  std::string log_path;
  std::string name;  // "/web"
  std::int64_t restart_count = 0;
  std::string driver;  // "overlay2"
  std::string platform = "linux";
  std::string mount_label;
  std::string process_label;
  std::string app_armor_profile;
  std::vector<std::string> exec_ids;
  HostConfig host_config;
  GraphDriver graph_driver;
  std::optional<ManifestDescriptor> image_manifest;
  std::optional<std::int64_t> size_rw;
  std::optional<std::int64_t> size_root_fs;
  std::vector<MountPoint> mounts;
  ContainerConfig config;
  NetworkSettings network_settings;

  codec::Json ToJson() const;
  static Result<ContainerInspect> FromJson(const codec::Json& json);
};

}  // namespace estiba::apitypes
