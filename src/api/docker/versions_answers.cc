// What clients of older API versions are answered.

#include <algorithm>

#include "versions.h"

namespace estiba::api::docker {
namespace {

using codec::Json;

void RemoveAll(Json* object, std::initializer_list<const char*> keys) {
  if (object == nullptr) return;
  for (const char* key : keys) object->Remove(key);
}

// Members that hold nothing: an empty text, list or object, or null.
void RemoveEmpty(Json* object, std::initializer_list<const char*> keys) {
  if (object == nullptr) return;
  for (const char* key : keys) {
    const Json* value = object->Find(key);
    if (value == nullptr) continue;
    const std::string* text = value->IfString();
    const bool empty = value->IsNull() || (text != nullptr && text->empty()) ||
                       ((value->IsArray() || value->IsObject()) && value->empty());
    if (empty) object->Remove(key);
  }
}

// A container's hosts knew it by its short id, too, where it has names at all.
void AddOldAliases(Json& container, const apitypes::ContainerInspect& of) {
  Json* networks = container.Find("NetworkSettings")->Find("Networks");
  for (Json::Member& network : *networks->IfObject()) {
    if (network.key == "bridge" || network.key == "host" || network.key == "none") continue;
    Json& aliases = network.value.Set("Aliases", Json::MakeArray());
    const apitypes::EndpointSettings& settings = of.network_settings.networks.at(network.key);
    std::vector<std::string> names = settings.aliases;
    names.push_back(of.id.substr(0, 12));
    names.push_back(of.config.hostname);
    std::vector<std::string> told;
    for (const std::string& name : names) {
      if (name.empty() || std::ranges::find(told, name) != told.end()) continue;
      told.push_back(name);
      aliases.Append(name);
    }
  }
}

// What a config of an image is not: of the container that it may once have been made from.
constexpr std::initializer_list<const char*> kNotOfImages = {
    "Hostname", "Domainname", "AttachStdin",     "AttachStdout", "AttachStderr", "Tty",
    "OpenStdin", "StdinOnce",  "Image", "NetworkDisabled", "MacAddress", "StopTimeout"};

Json Expected() { return Json::MakeObject({{"ID", ""}, {"Expected", ""}}); }

Json Sums(std::int64_t active, std::int64_t total, std::int64_t reclaimable, std::int64_t size) {
  return Json::MakeObject(
      {{"ActiveCount", active}, {"TotalCount", total}, {"Reclaimable", reclaimable}, {"TotalSize", size}});
}

template <typename Active, typename Bytes>
Json SumUp(const Json& items, Active active, Bytes bytes) {
  std::int64_t in_use = 0, reclaimable = 0, size = 0;
  for (const Json& item : *items.IfArray()) {
    const bool used = active(item);
    const std::int64_t own = std::max<std::int64_t>(bytes(item), 0);
    in_use += used ? 1 : 0;
    size += own;
    reclaimable += used ? 0 : own;
  }
  return Sums(in_use, static_cast<std::int64_t>(items.size()), reclaimable, size);
}

std::int64_t UsageOf(const Json& volume, const char* member) {
  const Json* usage = volume.Find("UsageData");
  return usage == nullptr ? 0 : usage->GetInt(member);
}

// What images share is given back with the last of them: it counts as reclaimable, as for the command line.
Json SumUpImages(const Json& items, std::int64_t layers) {
  std::int64_t active = 0, reclaimable = layers;
  for (const Json& image : *items.IfArray()) {
    if (image.GetInt("Containers") <= 0) continue;
    ++active;
    reclaimable -= image.GetInt("Size") - image.GetInt("SharedSize");
  }
  return Sums(active, static_cast<std::int64_t>(items.size()), std::max<std::int64_t>(reclaimable, 0), layers);
}

bool IsUp(const Json& container) {
  const std::string state = container.GetString("State");
  return state == "running" || state == "paused" || state == "restarting";
}

Json SumUp(const Json& usage, std::string_view list) {
  const Json& items = *usage.Find(list);
  if (list == "Images") return SumUpImages(items, usage.GetInt("LayersSize"));
  if (list == "Containers") return SumUp(items, IsUp, [](const Json& one) { return one.GetInt("SizeRw"); });
  if (list == "Volumes") {
    return SumUp(items, [](const Json& one) { return UsageOf(one, "RefCount") > 0; },
                 [](const Json& one) { return UsageOf(one, "Size"); });
  }
  return SumUp(items, [](const Json& one) { return one.GetBool("InUse"); },
               [](const Json& one) { return one.GetInt("Size"); });
}

}  // namespace

Json ForVersion(int minor, const apitypes::ContainerSummary& container) {
  Json json = container.ToJson();
  if (minor < 46) json.Find("HostConfig")->Remove("Annotations");
  if (minor < 52) json.Remove("Health");
  return json;
}

Json ForVersion(int minor, const apitypes::ContainerInspect& container) {
  Json json = container.ToJson();
  if (minor < 45) AddOldAliases(json, container);
  if (minor < 48) json.Remove("ImageManifestDescriptor");
  if (minor < 52) return json;
  RemoveEmpty(json.Find("Config"), {"OnBuild"});
  RemoveAll(json.Find("Config"), {"MacAddress"});
  RemoveAll(json.Find("HostConfig"), {"KernelMemoryTCP"});
  RemoveAll(json.Find("NetworkSettings"),
            {"Bridge", "HairpinMode", "LinkLocalIPv6Address", "LinkLocalIPv6PrefixLen", "SecondaryIPAddresses",
             "SecondaryIPv6Addresses", "EndpointID", "Gateway", "GlobalIPv6Address", "GlobalIPv6PrefixLen",
             "IPAddress", "IPPrefixLen", "IPv6Gateway", "MacAddress"});
  return json;
}

Json ForVersion(int minor, const apitypes::ImageSummary& image) {
  Json json = image.ToJson();
  if (minor < 43 && image.repo_tags.empty() && image.repo_digests.empty()) {
    json.Set("RepoTags", Json::Array{"<none>:<none>"});
    json.Set("RepoDigests", Json::Array{"<none>@<none>"});
  }
  if (minor < 44) json.Set("VirtualSize", image.size);
  if (minor < 48) json.Remove("Descriptor");
  if (minor < 51) json.Set("Containers", -1);
  return json;
}

Json ForVersion(int minor, const apitypes::ImageInspect& image) {
  Json json = image.ToJson();
  if (minor < 44) json.Set("VirtualSize", image.size);
  // Docker has neither since 1.45. docker-compose 1.29 asks for the newest version and cannot do without.
  json.Set("Container", "");
  json.Set("ContainerConfig", apitypes::ContainerConfig{}.ToJson());
  if (minor < 48) json.Remove("Descriptor");
  if (minor < 50) return json;
  Json* config = json.Find("Config");
  RemoveAll(config, kNotOfImages);
  if (minor < 52) return json;
  RemoveEmpty(config, {"Cmd", "Entrypoint", "Env", "Labels", "OnBuild", "User", "Volumes", "WorkingDir"});
  RemoveEmpty(&json, {"Parent", "Comment", "DockerVersion", "Author"});
  return json;
}

Json ForVersion(int minor, const apitypes::Network& network) {
  Json json = network.ToJson();
  if (minor < 52 || network.subnets.empty()) json.Remove("Status");
  return json;
}

Json ForVersion(int minor, const apitypes::Stats& stats) {
  Json json = stats.ToJson();
  if (minor < 52) json.Remove("os_type");
  return json;
}

Json ForVersion(int minor, const apitypes::Info& info) {
  Json json = info.ToJson();
  if (minor < 49) {
    json.Remove("FirewallBackend");
    for (const char* program : {"ContainerdCommit", "RuncCommit", "InitCommit"}) json.Set(program, Expected());
    Json* registries = json.Find("RegistryConfig");
    registries->Set("AllowNondistributableArtifactsCIDRs", nullptr);
    registries->Set("AllowNondistributableArtifactsHostnames", nullptr);
  }
  if (minor < 50) {
    json.Set("BridgeNfIptables", false);
    json.Set("BridgeNfIp6tables", false);
  }
  return json;
}

Json DiskUsageForVersion(int minor, Json usage, bool verbose) {
  if (minor < 44 && usage.Find("Images") != nullptr) {
    for (Json& image : *usage.Find("Images")->IfArray()) image.Set("VirtualSize", image.GetInt("Size"));
  }
  if (minor < 52) return usage;
  constexpr std::pair<const char*, const char*> kLists[] = {{"Images", "ImageUsage"},
                                                            {"Containers", "ContainerUsage"},
                                                            {"Volumes", "VolumeUsage"},
                                                            {"BuildCache", "BuildCacheUsage"}};
  for (const auto& [list, sums] : kLists) {
    if (usage.Find(list) == nullptr) continue;
    Json sum = SumUp(usage, list);
    if (verbose) sum.Set("Items", std::move(*usage.Find(list)));
    usage.Set(sums, std::move(sum));
    if (verbose) usage.Remove(list);
  }
  if (verbose) usage.Remove("LayersSize");
  return usage;
}

}  // namespace estiba::api::docker
