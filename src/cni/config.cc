#include "cni/config.h"

#include <algorithm>

#include "codec/json_reader.h"

namespace estiba::cni {
namespace {

using codec::Json;
using codec::Reader;

constexpr codec::JsonLimits kLimits{.depth = 32, .bytes = kMaxConfig};
constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

Error Invalid(std::string what) { return Error(Code::kInvalidArgument, std::move(what)); }

Result<Json> ParseObject(std::string_view text) {
  Json json = TRY(codec::ParseJson(text, kLimits));
  if (!json.IsObject()) return Invalid("the configuration is not a JSON object");
  return json;
}

// true, or "true" as the library of the plugins' authors reads it.
Status ReadFlag(Reader& reader, std::string_view key, bool* out) {
  const Json* value = reader.Take(key);
  if (value == nullptr) return Ok();
  if (const auto flag = value->IfBool()) {
    *out = *flag;
    return Ok();
  }
  const std::string* text = value->IfString();
  if (text == nullptr || (*text != "true" && *text != "false"))
    return Invalid(std::string(key) + ": expected true or false");
  *out = *text == "true";
  return Ok();
}

// The highest of cniVersions that is known here, else cniVersion.
Result<Version> ReadVersion(Reader& reader) {
  std::string one;
  std::vector<std::string> several;
  reader.Read("cniVersion", &one);
  reader.Read("cniVersions", &several);
  TRY(reader.Finish());
  std::optional<Version> best;
  for (const std::string& text : several) {
    const auto version = ParseVersion(text);
    if (version.ok() && !text.empty() && (!best || *version > *best)) best = *version;
  }
  if (best && one.empty()) return *best;
  const auto named = ParseVersion(one);
  if (best && (!named.ok() || *best > *named)) return *best;
  return ParseVersion(one);
}

Result<Plugin> PluginOf(const Json& json) {
  Plugin plugin;
  Reader reader(json);
  reader.Require("type", &plugin.type);
  TRY(reader.Finish());
  if (plugin.type.find('/') != std::string::npos || plugin.type == "." || plugin.type == ".." ||
      plugin.type.find('\0') != std::string::npos || plugin.type.size() > 255) {
    return Invalid("type: '" + plugin.type.substr(0, 64) + "' is no name of a program");
  }
  if (const Json* capabilities = reader.Take("capabilities"); capabilities != nullptr) {
    if (!capabilities->IsObject()) return Invalid("capabilities: expected an object");
    for (const Json::Member& member : *capabilities->IfObject()) {
      const auto declared = member.value.IfBool();
      if (!declared) return Invalid("capabilities." + member.key + ": expected true or false");
      if (*declared) plugin.capabilities.insert(member.key);
    }
  }
  plugin.json = json;
  return plugin;
}

Status CheckNetworkName(const std::string& name) {
  if (name.empty()) return Invalid("name: the network has none");
  if (!IsName(name)) return Invalid("name: '" + name.substr(0, 64) + "' is no name of a network");
  return Ok();
}

// What a .conf and a .conflist both say of the network itself.
Result<NetworkList> NamedNetwork(Reader& reader) {
  NetworkList list;
  reader.Read("name", &list.name);
  TRY(reader.Finish());
  TRY(CheckNetworkName(list.name));
  list.version = TRY(ReadVersion(reader));
  return list;
}

Result<NetworkList> ListOf(const Json& json) {
  Reader reader(json);
  NetworkList list = TRY(NamedNetwork(reader));
  TRY(ReadFlag(reader, "disableCheck", &list.disable_check));
  TRY(ReadFlag(reader, "disableGC", &list.disable_gc));
  TRY(ReadFlag(reader, "loadOnlyInlinedPlugins", &list.only_inlined));
  const Json* plugins = reader.Take("plugins");
  if (plugins != nullptr && !plugins->IsArray()) return Invalid("plugins: expected a list");
  const std::size_t count = plugins == nullptr ? 0 : plugins->size();
  if (count > kMaxPlugins) return Invalid("plugins: more than " + std::to_string(kMaxPlugins));
  for (std::size_t i = 0; i < count; ++i) {
    const Json& plugin = (*plugins->IfArray())[i];
    const std::string at = "plugins[" + std::to_string(i) + "]";
    if (!plugin.IsObject()) return Invalid(at + ": expected an object");
    list.plugins.push_back(TRY_CTX(PluginOf(plugin), at));
  }
  if (list.plugins.empty() && list.only_inlined) return Invalid("plugins: the network has none");
  return list;
}

}  // namespace

bool NetworkList::HasCapability(const std::string& capability) const {
  return std::ranges::any_of(plugins, [&](const Plugin& plugin) { return plugin.capabilities.contains(capability); });
}

bool IsName(std::string_view text) {
  if (text.empty() || text.size() > 255 || kLetters.find(text[0]) == std::string_view::npos) return false;
  return std::ranges::all_of(
      text, [](char c) { return kLetters.find(c) != std::string_view::npos || c == '_' || c == '.' || c == '-'; });
}

bool IsInterfaceName(std::string_view text) {
  if (text.empty() || text.size() > 15 || text == "." || text == "..") return false;
  return std::ranges::none_of(
      text, [](char c) { return c == '/' || c == ':' || c == '\x7f' || static_cast<unsigned char>(c) <= ' '; });
}

Result<NetworkList> ParseConfList(std::string_view text) {
  const Json json = TRY(ParseObject(text));
  return ListOf(json);
}

Result<NetworkList> ParseConf(std::string_view text) {
  const Json json = TRY(ParseObject(text));
  if (json.Find("plugins") != nullptr) return Invalid("plugins: a list of them belongs into a .conflist");
  Reader reader(json);
  NetworkList list = TRY(NamedNetwork(reader));
  list.only_inlined = true;
  list.plugins.push_back(TRY(PluginOf(json)));
  return list;
}

Result<Plugin> ParsePlugin(std::string_view text) {
  const Json json = TRY(ParseObject(text));
  return PluginOf(json);
}

Json ToJson(const NetworkList& list) {
  Json json = Json::MakeObject({{"cniVersion", std::string(ToString(list.version))}, {"name", list.name}});
  if (list.disable_check) json.Set("disableCheck", true);
  if (list.disable_gc) json.Set("disableGC", true);
  json.Set("loadOnlyInlinedPlugins", true);
  Json& plugins = json.Set("plugins", Json::MakeArray());
  for (const Plugin& plugin : list.plugins) plugins.Append(plugin.json);
  return json;
}

Result<NetworkList> ListFromJson(const Json& json) {
  if (!json.IsObject()) return Invalid("the configuration is not a JSON object");
  return ListOf(json);
}

}  // namespace estiba::cni
