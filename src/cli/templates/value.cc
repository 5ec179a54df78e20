#include "templates/value.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace estiba::cli::tmpl {
namespace {

using codec::Json;

bool IsIn(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string PrintDouble(double value) {
  std::array<char, 64> text{};
  const int used = std::snprintf(text.data(), text.size(), "%.15g", value);
  return {text.data(), static_cast<std::size_t>(used)};
}

std::string PrintJson(const Json& json, int depth) {
  if (depth > 64) return "…";
  switch (json.kind()) {
    case Json::Kind::kNull: return "<nil>";
    case Json::Kind::kBool: return *json.IfBool() ? "true" : "false";
    case Json::Kind::kInt: return std::to_string(*json.IfInt());
    case Json::Kind::kUint: return std::to_string(*json.IfUint());
    case Json::Kind::kDouble: return PrintDouble(*json.IfDouble());
    case Json::Kind::kString: return *json.IfString();
    case Json::Kind::kArray: {
      std::string text = "[";
      for (const Json& item : *json.IfArray()) {
        if (text.size() > 1) text += ' ';
        text += PrintJson(item, depth + 1);
      }
      return text + "]";
    }
    case Json::Kind::kObject: break;
  }
  std::vector<const Json::Member*> members;
  for (const auto& member : *json.IfObject()) members.push_back(&member);
  std::sort(members.begin(), members.end(), [](const auto* a, const auto* b) { return a->key < b->key; });
  std::string text = "map[";
  for (const auto* member : members) {
    if (text.size() > 4) text += ' ';
    text += member->key + ":" + PrintJson(member->value, depth + 1);
  }
  return text + "]";
}

}  // namespace

std::string Print(const Value& value) {
  if (value.missing) return "<no value>";
  if (!value.json.IsNull()) return PrintJson(value.json, 0);
  if (value.pointer) return "<nil>";
  return value.is_map ? "map[]" : "[]";  // most of what the API leaves null are lists
}

bool Truth(const Value& value) {
  const Json& json = value.json;
  switch (json.kind()) {
    case Json::Kind::kNull: return false;
    case Json::Kind::kBool: return *json.IfBool();
    case Json::Kind::kInt:
    case Json::Kind::kUint:
    case Json::Kind::kDouble: return *json.IfDouble() != 0;
    case Json::Kind::kString: return !json.IfString()->empty();
    case Json::Kind::kArray: return json.size() > 0;
    // A Go struct is always true; a map when it holds something.
    case Json::Kind::kObject: return !value.is_map || json.size() > 0;
  }
  return false;
}

bool IsMapName(std::string_view name) {
  return IsIn(name, {"Labels",          "Networks",      "Ports",        "Volumes",    "Options",
                     "Sysctls",         "PortBindings",  "ExposedPorts", "Tmpfs",      "Annotations",
                     "DriverOpts",      "Containers",    "Runtimes",     "Attributes", "LogOpts",
                     "EndpointsConfig", "DriverOptions", "StorageOpt",   "Details",    "Data"});
}

bool IsOptionalName(std::string_view name) {
  return IsIn(name, {"Health",
                     "Healthcheck",
                     "SizeRw",
                     "SizeRootFs",
                     "GraphDriver",
                     "ImageManifestDescriptor",
                     "StopTimeout",
                     "Init",
                     "Shell",
                     "OnBuild",
                     "ArgsEscaped",
                     "UsageData",
                     "Parent",
                     "Comment",
                     "Author",
                     "Annotations",
                     "DefaultReadOnlyNonRecursive",
                     "BindOptions",
                     "VolumeOptions",
                     "TmpfsOptions",
                     "ClusterVolume",
                     "Status",
                     "Variant",
                     "MacAddress",
                     "StopSignal",
                     "Driver",
                     "Name",
                     "Config",
                     "Domainname",
                     "Mode",
                     "Mounts",
                     "Tmpfs",
                     "Sysctls",
                     "Volumes",
                     "ExposedPorts"});
}

}  // namespace estiba::cli::tmpl
