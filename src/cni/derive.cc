#include "cni/derive.h"

#include "base/text.h"

namespace estiba::cni {
namespace {

using codec::Json;

constexpr const char* kPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// The network's own words go first.
Json Common(const NetworkList& list, const Plugin& plugin) {
  Json json = Json::MakeObject({{"cniVersion", std::string(ToString(list.version))}, {"name", list.name}});
  for (const Json::Member& member : *plugin.json.IfObject()) {
    const std::string& key = member.key;
    // What only a runtime may say, and what is said in another form.
    if (key == "cniVersion" || key == "cniVersions" || key == "name" || key == "capabilities" ||
        key == "runtimeConfig" || key == "prevResult" || key.starts_with("cni.dev/")) {
      continue;
    }
    json.Add(key, member.value);
  }
  return json;
}

bool IsArgument(const std::string& text) { return text.find_first_of(";=\0\n", 0, 4) == std::string::npos; }

}  // namespace

std::string_view ToString(Command command) {
  switch (command) {
    case Command::kAdd: return "ADD";
    case Command::kDel: return "DEL";
    case Command::kCheck: return "CHECK";
    case Command::kGc: return "GC";
    case Command::kStatus: return "STATUS";
    case Command::kVersion: return "VERSION";
  }
  return "";
}

Status CheckInvocation(const Invocation& invocation) {
  const auto invalid = [](std::string what) { return Error(Code::kInvalidArgument, std::move(what)); };
  if (!IsName(invocation.container)) return invalid("'" + invocation.container + "' is no id of a container");
  if (!IsInterfaceName(invocation.ifname)) return invalid("'" + invocation.ifname + "' is no name of an interface");
  for (const auto& [key, value] : invocation.args) {
    if (key.empty() || !IsArgument(key) || !IsArgument(value))
      return invalid("argument '" + key + "' of the network's plugins cannot be passed on");
  }
  return Ok();
}

std::string Derive(const NetworkList& list, const Plugin& plugin, const Invocation& invocation,
                   const AddResult* previous) {
  Json json = Common(list, plugin);
  Json runtime = Json::MakeObject();
  for (const Json::Member& member : *invocation.capability_args.IfObject()) {
    if (plugin.capabilities.contains(member.key)) runtime.Add(member.key, member.value);
  }
  if (!runtime.empty()) json.Add("runtimeConfig", std::move(runtime));
  if (previous != nullptr) json.Add("prevResult", ToJson(*previous, list.version));
  return json.Dump();
}

std::string DeriveWithout(const NetworkList& list, const Plugin& plugin, const std::vector<ValidAttachment>* valid) {
  Json json = Common(list, plugin);
  if (valid == nullptr) return json.Dump();
  Json attachments = Json::MakeArray();
  for (const ValidAttachment& one : *valid)
    attachments.Append(Json::MakeObject({{"containerID", one.container}, {"ifname", one.ifname}}));
  json.Add("cni.dev/valid-attachments", std::move(attachments));
  return json.Dump();
}

std::string DeriveVersion(Version version) {
  return Json::MakeObject({{"cniVersion", std::string(ToString(version))}}).Dump();
}

std::vector<std::string> Environment(Command command, const Invocation& invocation,
                                     const std::vector<std::string>& bin_dirs) {
  std::vector<std::string> env = {"CNI_COMMAND=" + std::string(ToString(command)),
                                  "CNI_PATH=" + Join(bin_dirs, ":"), kPath};
  const bool of_a_container = command == Command::kAdd || command == Command::kDel || command == Command::kCheck;
  if (!of_a_container) return env;
  std::vector<std::string> args;
  args.reserve(invocation.args.size());
  for (const auto& [key, value] : invocation.args) args.push_back(key + "=" + value);
  env.push_back("CNI_CONTAINERID=" + invocation.container);
  env.push_back("CNI_NETNS=" + invocation.netns);
  env.push_back("CNI_IFNAME=" + invocation.ifname);
  env.push_back("CNI_ARGS=" + Join(args, ";"));
  return env;
}

}  // namespace estiba::cni
