// port: what is published of a container, and publishing more or less of it while it runs.

#include "apitypes/host_config.h"
#include "commands/commands.h"
#include "commands/port_list.h"
#include "options/ports.h"

namespace estiba::cli {
namespace {

using codec::Json;

Result<int> RunShow(App& app, const Options& options) {
  Api* engine = TRY(app.Engine());
  const Json container = TRY(engine->Get(ContainerPath(options.arg(0), "json")));
  const Json* ports = container.FindPath({"NetworkSettings", "Ports"});
  std::string wanted = options.args().size() > 1 ? options.arg(1) : "";
  if (!wanted.empty() && wanted.find('/') == std::string::npos) wanted += "/tcp";
  std::string text;
  for (std::size_t i = 0; ports != nullptr && ports->IsObject() && i < ports->size(); ++i) {
    const auto& port = (*ports->IfObject())[i];
    if (!wanted.empty() && port.key != wanted) continue;
    for (std::size_t j = 0; j < port.value.size(); ++j) {
      const Json& binding = (*port.value.IfArray())[j];
      if (wanted.empty()) text += port.key + " -> ";
      text += JoinHostPort(binding.GetString("HostIp"), binding.GetString("HostPort")) + "\n";
    }
  }
  if (text.empty() && !wanted.empty())
    return Error(Code::kNotFound, "no public port '" + wanted + "' published for " + options.arg(0));
  Print(text);
  return 0;
}

// A word of ours rather than a container of that name, whose port would be a number.
bool IsVerb(const Options& options, std::string_view verb) {
  if (options.arg(0) != verb || options.args().size() < 2) return false;
  return options.args().size() > 2 || options.arg(1).find_first_not_of("0123456789/tcpuds") != std::string::npos;
}

Result<http::Query> PortsOf(const Options& options) {
  if (options.args().size() < 3)
    return Error(Code::kInvalidArgument, "'port " + options.arg(0) + "' needs a container and at least one port");
  http::Query query;
  for (std::size_t i = 2; i < options.args().size(); ++i) query.Add("port", options.arg(i));
  return query;
}

std::string PortsPath(const Options& options) { return "/estiba/v1" + ContainerPath(options.arg(1), "ports"); }

Result<int> RunAdd(App& app, const Options& options) {
  const http::Query query = TRY(PortsOf(options));
  Api* engine = TRY(app.Engine());
  const Json answer = TRY(engine->Post(PortsPath(options), query));
  const Json* ports = answer.Find("Ports");
  for (std::size_t i = 0; ports != nullptr && ports->IsObject() && i < ports->size(); ++i) {
    const auto& port = (*ports->IfObject())[i];
    for (std::size_t j = 0; j < port.value.size(); ++j) {
      const Json& binding = (*port.value.IfArray())[j];
      PrintLine(port.key + " -> " + JoinHostPort(binding.GetString("HostIp"), binding.GetString("HostPort")));
    }
  }
  return 0;
}

Result<int> RunRemove(App& app, const Options& options) {
  const http::Query query = TRY(PortsOf(options));
  Api* engine = TRY(app.Engine());
  TRY(engine->Delete(PortsPath(options), query));
  return 0;
}

Result<int> RunPort(App& app, const Options& options) {
  if (IsVerb(options, "add")) return RunAdd(app, options);
  if (IsVerb(options, "rm")) return RunRemove(app, options);
  if (options.args().size() > 2)
    return Error(Code::kInvalidArgument, "'port' takes a container and one of its ports, or add or rm before them");
  return RunShow(app, options);
}

}  // namespace

constinit const Command kPort{
    .name = "port",
    .usage = "CONTAINER [PRIVATE_PORT[/PROTO]]",
    .summary = "List port mappings or a specific mapping for the container",
    .flags = {},
    .min_args = 1,
    .run = RunPort,
    .details =
        "`port add CONTAINER [IP:][HOST:]CONTAINER[/PROTO]...` publishes more ports, `port rm CONTAINER ...` takes\n"
        "published ones back: of a running container at once, and of every later start. A host port that is left\n"
        "out is chosen when one is added, and stands for all of them when one is removed."};

}  // namespace estiba::cli
