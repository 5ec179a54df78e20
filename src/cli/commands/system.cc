// events, info, version, system prune: the engine as a whole.

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

#include "base/text.h"
#include "commands/commands.h"
#include "commands/list.h"
#include "commands/prune.h"
#include "options/values.h"
#include "text/table.h"
#include "text/units.h"
#include "version.h"

namespace estiba::cli {
namespace {

using codec::Json;

constexpr Flag kEventsFlags[] = {
    {'f', "filter", Kind::kFilter, "filter", "Filter output based on conditions provided"},
    {'\0', "format", Kind::kString, "string", kObjectFormatHelp},
    {'\0', "since", Kind::kString, "string", "Show all events created since timestamp"},
    {'\0', "until", Kind::kString, "string", "Stream events until this timestamp"},
};
constexpr Flag kObjectFlags[] = {{'f', "format", Kind::kString, "string", kObjectFormatHelp}};

// Nine digits of nanoseconds and the local offset, as Docker prints an event's time.
std::string EventTime(std::int64_t nanos) {
  constexpr std::int64_t kPerSecond = 1'000'000'000;
  const std::time_t seconds = nanos / kPerSecond;
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  std::array<char, 32> date{};
  std::array<char, 16> zone{};
  std::array<char, 16> fraction{};
  ::strftime(date.data(), date.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  ::strftime(zone.data(), zone.size(), "%z", &parts);
  std::snprintf(fraction.data(), fraction.size(), ".%09lld", static_cast<long long>(nanos % kPerSecond));
  std::string offset(zone.data());
  if (offset == "+0000") offset = "Z";
  if (offset.size() == 5) offset.insert(3, ":");
  return std::string(date.data()) + fraction.data() + offset;
}

std::string EventLine(const Json& event) {
  std::string line =
      EventTime(event.GetInt("timeNano")) + " " + event.GetString("Type") + " " + event.GetString("Action");
  const Json* actor = event.Find("Actor");
  if (actor == nullptr) return line;
  if (const std::string id = actor->GetString("ID"); !id.empty()) line += " " + id;
  const Json* attributes = actor->Find("Attributes");
  if (attributes == nullptr || attributes->empty()) return line;
  std::vector<std::string> pairs;
  for (const auto& pair : *attributes->IfObject())
    pairs.push_back(pair.key + "=" + (pair.value.IfString() != nullptr ? *pair.value.IfString() : ""));
  std::sort(pairs.begin(), pairs.end());
  return line + " (" + Join(pairs, ", ") + ")";
}

Result<int> RunEvents(App& app, const Options& options) {
  const std::string format = options.Text("format");
  TRY(CheckFormat(format));
  http::Query query;
  for (const char* bound : {"since", "until"}) {
    if (!options.Has(bound)) continue;
    const std::string time = TRY(TimestampText(options.Text(bound), WallNow()));
    query.Add(bound, time);
  }
  AddFilters(options.List("filter"), &query);
  Api* engine = TRY(app.Engine());
  http::Request request;
  request.target = query.empty() ? "/events" : "/events?" + query.Encode();
  const auto stream = TRY(engine->Open(request));
  for (;;) {
    const auto line = TRY(stream->ReadLine());
    if (!line) return 0;
    if (Trim(*line).empty()) continue;
    const Json event = TRY_CTX(codec::ParseJson(*line), "read an event");
    if (format.empty()) {
      PrintLine(EventLine(event));
    } else {
      TRY(Show(RenderObject(format, event)));
    }
  }
}

Json ClientVersion() {
  return Json::MakeObject({{"Platform", Json::MakeObject({{"Name", "Estiba"}})},
                           {"Version", kVersion},
                           {"ApiVersion", kApiVersion},
                           {"DefaultAPIVersion", kApiVersion},
                           {"Os", "linux"},
                           {"Arch",
#if defined(__x86_64__)
                            "amd64"
#elif defined(__aarch64__)
                            "arm64"
#else
                            "unknown"
#endif
                           }});
}

std::string Line(std::string_view name, const std::string& value, std::string_view indent = " ") {
  if (value.empty()) return "";
  std::string line(indent);
  line += std::string(name) + ":";
  line.append(line.size() < 20 ? 20 - line.size() : 1, ' ');
  return line + value + "\n";
}

std::string VersionText(const Json& client, const Json& server) {
  std::string text = "Client: Estiba\n";
  text += Line("Version", client.GetString("Version"));
  text += Line("API version", client.GetString("ApiVersion"));
  text += Line("OS/Arch", client.GetString("Os") + "/" + client.GetString("Arch"));
  if (!server.IsObject()) return text;
  const Json* platform = server.FindPath({"Platform", "Name"});
  text +=
      "\nServer: " + (platform != nullptr && platform->IfString() ? *platform->IfString() : "Engine") + "\n";
  text += Line("Version", server.GetString("Version"));
  text += Line("API version", server.GetString("ApiVersion") + " (minimum version " +
                                  server.GetString("MinAPIVersion") + ")");
  text += Line("Git commit", server.GetString("GitCommit"));
  text += Line("Built", server.GetString("BuildTime"));
  text += Line("OS/Arch", server.GetString("Os") + "/" + server.GetString("Arch"));
  text += Line("Kernel", server.GetString("KernelVersion"));
  return text;
}

Result<int> RunVersion(App& app, const Options& options) {
  const std::string format = options.Text("format");
  TRY(CheckFormat(format));
  Api* engine = TRY(app.Engine());
  auto server = engine->Get("/version");
  Json both = Json::MakeObject({{"Client", ClientVersion()}, {"Server", server.ok() ? *server : Json()}});
  const bool client_only = !server.ok() && format.find(".Server") == std::string::npos;
  if (format.empty()) {
    Print(VersionText(*both.Find("Client"), *both.Find("Server")));
  } else if (server.ok() || client_only) {
    TRY(Show(RenderObject(format, both)));
  }
  if (server.ok()) return 0;
  PrintError(server.error());
  return 1;
}

// "DriverStatus": pairs of a title and a value.
std::string DriverRows(const Json* status) {
  std::string text;
  const Json::Array* rows = status == nullptr ? nullptr : status->IfArray();
  for (std::size_t i = 0; rows != nullptr && i < rows->size(); ++i) {
    const auto row = Strings(&(*rows)[i]);
    if (row.size() == 2) text += "  " + row[0] + ": " + row[1] + "\n";
  }
  return text;
}

std::string InfoText(const Json& info) {
  const auto number = [&](std::string_view name) { return std::to_string(info.GetInt(name)); };
  std::string text = "Client: Estiba\n";
  text += Line("Version", std::string(kVersion)) + "\nServer:\n";
  text += " Containers: " + number("Containers") + "\n  Running: " + number("ContainersRunning") +
          "\n  Paused: " + number("ContainersPaused") + "\n  Stopped: " + number("ContainersStopped") + "\n";
  text += " Images: " + number("Images") + "\n";
  const auto line = [&](std::string_view title, std::string_view name) {
    const std::string value = info.GetString(name);
    if (!value.empty()) text += " " + std::string(title) + ": " + value + "\n";
  };
  line("Server Version", "ServerVersion");
  line("Storage Driver", "Driver");
  text += DriverRows(info.Find("DriverStatus"));
  line("Logging Driver", "LoggingDriver");
  line("Cgroup Driver", "CgroupDriver");
  line("Cgroup Version", "CgroupVersion");
  line("Default Runtime", "DefaultRuntime");
  line("Init Binary", "InitBinary");
  const auto security = Strings(info.Find("SecurityOptions"));
  if (!security.empty()) text += " Security Options:\n  " + Join(security, "\n  ") + "\n";
  line("Kernel Version", "KernelVersion");
  line("Operating System", "OperatingSystem");
  line("OSType", "OSType");
  line("Architecture", "Architecture");
  text += " CPUs: " + number("NCPU") + "\n";
  text += " Total Memory: " + BinarySize(static_cast<double>(info.GetInt("MemTotal"))) + "\n";
  line("Name", "Name");
  line("ID", "ID");
  line("Root Dir", "DockerRootDir");
  for (const std::string& warning : Strings(info.Find("Warnings"))) text += warning + "\n";
  return text;
}

Result<int> RunInfo(App& app, const Options& options) {
  const std::string format = options.Text("format");
  TRY(CheckFormat(format));
  Api* engine = TRY(app.Engine());
  const Json info = TRY(engine->Get("/info"));
  if (format.empty()) {
    Print(InfoText(info));
    return 0;
  }
  Json both = Json::MakeObject({{"ClientInfo", ClientVersion()}});
  for (const auto& member : *info.IfObject()) both.Set(member.key, member.value);
  TRY(Show(RenderObject(format, both)));
  return 0;
}

constexpr Flag kPruneFlags[] = {
    {'a', "all", Kind::kBool, "", "Remove all unused images not just dangling ones"},
    {'\0', "filter", Kind::kFilter, "filter", "Provide filter values (e.g. \"label=<key>=<value>\")"},
    {'f', "force", Kind::kBool, "", "Do not prompt for confirmation"},
    {'\0', "volumes", Kind::kBool, "", "Prune anonymous volumes"},
};

Result<int> RunPrune(App& app, const Options& options) {
  std::string what = "\n  - all stopped containers\n  - all networks not used by at least one container\n";
  if (options.On("volumes")) what += "  - all anonymous volumes not used by at least one container\n";
  what += options.On("all") ? "  - all images without at least one container associated to them\n"
                            : "  - all dangling images\n";
  if (!MayPrune(options, what)) return 0;
  Api* engine = TRY(app.Engine());
  const auto& filters = options.List("filter");
  const bool until =
      std::ranges::any_of(filters, [](const std::string& filter) { return filter.starts_with("until="); });
  if (until && options.On("volumes"))
    return Error(Code::kInvalidArgument, "ERROR: The \"until\" filter is not supported with \"--volumes\"");
  std::int64_t total = TRY(PruneOne(engine, kContainers, filters));
  total += TRY(PruneOne(engine, kNetworks, filters));
  if (options.On("volumes")) total += TRY(PruneOne(engine, kVolumes, filters));
  std::vector<std::string> images = filters;
  images.emplace_back(options.On("all") ? "dangling=false" : "dangling=true");
  total += TRY(PruneOne(engine, kImageLayers, images));
  PrintReclaimed(total);
  return 0;
}

}  // namespace

constinit const Command kEvents{.name = "events",
                                .usage = "[OPTIONS]",
                                .summary = "Get real time events from the server",
                                .flags = kEventsFlags,
                                .max_args = 0,
                                .run = RunEvents};
constinit const Command kVersionCommand{.name = "version",
                                        .usage = "[OPTIONS]",
                                        .summary = "Show the Estiba version information",
                                        .flags = kObjectFlags,
                                        .max_args = 0,
                                        .run = RunVersion};
constinit const Command kInfo{.name = "info",
                              .usage = "[OPTIONS]",
                              .summary = "Display system-wide information",
                              .flags = kObjectFlags,
                              .max_args = 0,
                              .run = RunInfo};
constinit const Command kSystemPrune{.name = "prune",
                                     .usage = "[OPTIONS]",
                                     .summary = "Remove unused data",
                                     .flags = kPruneFlags,
                                     .max_args = 0,
                                     .run = RunPrune};

}  // namespace estiba::cli
