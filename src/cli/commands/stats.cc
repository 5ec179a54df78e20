#include <array>
#include <cstdio>
#include <map>

#include <poll.h>
#include <unistd.h>

#include "commands/commands.h"
#include "commands/list.h"
#include "term/terminal.h"
#include "text/units.h"

namespace estiba::cli {
namespace {

using codec::Json;

constexpr int kPeriodMs = 1000;

constexpr Flag kFlags[] = {
    {'a', "all", Kind::kBool, "", "Show all containers (default shows just running)"},
    {'\0', "format", Kind::kString, "string", kListFormatHelp},
    {'\0', "no-stream", Kind::kBool, "", "Disable streaming stats and only pull the first result"},
    {'\0', "no-trunc", Kind::kBool, "", "Do not truncate output"},
};
constexpr Column kColumns[] = {
    {"BlockIO", "BLOCK I/O"}, {"CPUPerc", "CPU %"}, {"Container", "CONTAINER"},
    {"ID", "CONTAINER ID"},   {"MemPerc", "MEM %"}, {"MemUsage", "MEM USAGE / LIMIT"},
    {"Name", "NAME"},         {"NetIO", "NET I/O"}, {"PIDs", "PIDS"},
};
constexpr std::string_view kTable =
    "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}";

std::int64_t Number(const Json& json, std::initializer_list<std::string_view> path) {
  const Json* found = json.FindPath(path);
  if (found == nullptr) return 0;
  if (const auto number = found->IfInt()) return *number;
  return static_cast<std::int64_t>(found->IfUint().value_or(0));
}

std::string Percent(double value) {
  std::array<char, 32> text{};
  const int used = std::snprintf(text.data(), text.size(), "%.2f%%", value);
  return {text.data(), static_cast<std::size_t>(used)};
}

// From two samples: share of the machine's time times its CPUs.
std::string CpuPercent(const Json& before, const Json& now) {
  const auto used = Number(now, {"cpu_stats", "cpu_usage", "total_usage"}) -
                    Number(before, {"cpu_stats", "cpu_usage", "total_usage"});
  const auto system =
      Number(now, {"cpu_stats", "system_cpu_usage"}) - Number(before, {"cpu_stats", "system_cpu_usage"});
  auto cpus = Number(now, {"cpu_stats", "online_cpus"});
  if (cpus <= 0) cpus = 1;
  if (used <= 0 || system <= 0) return Percent(0);
  return Percent(static_cast<double>(used) / static_cast<double>(system) * static_cast<double>(cpus) * 100);
}

// Page cache that can be dropped at once is not counted, as `docker stats` does.
double MemoryUsed(const Json& sample) {
  const auto usage = Number(sample, {"memory_stats", "usage"});
  auto cache = Number(sample, {"memory_stats", "stats", "total_inactive_file"});  // cgroup v1
  if (cache == 0) cache = Number(sample, {"memory_stats", "stats", "inactive_file"});
  return static_cast<double>(cache < usage ? usage - cache : usage);
}

std::string NetworkColumn(const Json& sample) {
  double received = 0;
  double sent = 0;
  if (const Json* networks = sample.Find("networks"); networks != nullptr && networks->IsObject()) {
    for (const auto& network : *networks->IfObject()) {
      received += static_cast<double>(network.value.GetInt("rx_bytes"));
      sent += static_cast<double>(network.value.GetInt("tx_bytes"));
    }
  }
  return HumanSize(received, 3) + " / " + HumanSize(sent, 3);
}

std::string BlockColumn(const Json& sample) {
  double read = 0;
  double written = 0;
  const Json* list = sample.FindPath({"blkio_stats", "io_service_bytes_recursive"});
  for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
    const Json& item = (*list->IfArray())[i];
    const std::string op = item.GetString("op");
    if (op == "read" || op == "Read") read += static_cast<double>(item.GetInt("value"));
    if (op == "write" || op == "Write") written += static_cast<double>(item.GetInt("value"));
  }
  return HumanSize(read, 3) + " / " + HumanSize(written, 3);
}

Json MakeRow(const std::string& id, std::string name, const Json& before, const Json& now, bool truncate) {
  if (name.starts_with('/')) name.erase(0, 1);
  const double used = MemoryUsed(now);
  const auto limit = static_cast<double>(Number(now, {"memory_stats", "limit"}));
  return Json::MakeObject({{"BlockIO", BlockColumn(now)},
                           {"CPUPerc", CpuPercent(before, now)},
                           {"Container", truncate ? id.substr(0, 12) : id},
                           {"ID", truncate ? id.substr(0, 12) : id},
                           {"MemPerc", Percent(limit > 0 ? used / limit * 100 : 0)},
                           {"MemUsage", BinarySize(used) + " / " + BinarySize(limit)},
                           {"Name", std::move(name)},
                           {"NetIO", NetworkColumn(now)},
                           {"PIDs", std::to_string(Number(now, {"pids_stats", "current"}))}});
}

struct Watched {
  std::string id;
  std::string name;
};

Result<std::vector<Watched>> FindContainers(Api* engine, const Options& options) {
  std::vector<Watched> found;
  if (!options.args().empty()) {
    for (const std::string& id : options.args()) {
      const Json container = TRY(engine->Get(ContainerPath(id, "json")));
      found.push_back({container.GetString("Id"), container.GetString("Name")});
    }
    return found;
  }
  http::Query query;
  if (options.On("all")) query.Add("all", "1");
  const Json list = TRY(engine->Get("/containers/json", query));
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Json& container = (*list.IfArray())[i];
    const Json* names = container.Find("Names");
    const auto* name = names != nullptr && !names->empty() ? (*names->IfArray())[0].IfString() : nullptr;
    found.push_back({container.GetString("Id"), name == nullptr ? "" : *name});
  }
  return found;
}

// One sample of each; a container that went away in between is left out.
std::map<std::string, Json> TakeSamples(Api* engine, const std::vector<Watched>& containers) {
  std::map<std::string, Json> samples;
  http::Query query;
  query.Add("stream", "0");
  query.Add("one-shot", "1");
  for (const Watched& container : containers) {
    auto sample = engine->Get(ContainerPath(container.id, "stats"), query);
    if (sample.ok()) samples[container.id] = std::move(sample).value();
  }
  return samples;
}

void Pause() { ::poll(nullptr, 0, kPeriodMs); }

Result<int> RunStats(App& app, const Options& options) {
  const std::string format = options.Text("format");
  TRY(CheckListFormat(options));
  Api* engine = TRY(app.Engine());
  const ListStyle style{kTable, kColumns, "*formatter.statsContext"};
  const bool terminal = IsTerminal(STDOUT_FILENO);
  std::map<std::string, Json> before;
  for (bool first = true;; first = false) {
    const auto containers = TRY(FindContainers(engine, options));
    if (first) {
      before = TakeSamples(engine, containers);
      if (!before.empty()) Pause();
    }
    auto now = TakeSamples(engine, containers);
    std::vector<Json> rows;
    for (const Watched& container : containers)
      if (const auto sample = now.find(container.id); sample != now.end())
        rows.push_back(MakeRow(container.id, container.name, before[container.id], sample->second,
                               !options.On("no-trunc")));
    const std::string text = TRY(RenderList(style, format, rows));
    Print(terminal && !options.On("no-stream") ? "\x1b[H\x1b[2J" + text : text);
    if (options.On("no-stream")) return 0;
    before = std::move(now);
    Pause();
  }
}

}  // namespace

constinit const Command kStats{.name = "stats",
                               .usage = "[OPTIONS] [CONTAINER...]",
                               .summary = "Display a live stream of container(s) resource usage statistics",
                               .flags = kFlags,
                               .run = RunStats};

}  // namespace estiba::cli
