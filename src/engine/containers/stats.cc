// What a container uses, from its control groups and its network namespace; and its processes.

#include <algorithm>
#include <charconv>
#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/parse.h"
#include "base/text.h"
#include "cgroup/cgroup.h"
#include "containers.h"
#include "os/file.h"

namespace estiba::engine {
namespace {

using namespace std::chrono_literals;

std::vector<std::string> Words(std::string_view text) {
  std::vector<std::string> words;
  for (std::string& word : Split(text, ' ')) {
    if (!word.empty()) words.push_back(std::move(word));
  }
  return words;
}

std::uint64_t Number(const std::string& text) {
  const auto number = ParseUint(text);
  return number.ok() ? number.value() : 0;
}

// The first line of /proc/stat in nanoseconds: what docker's CPU percentage is a part of.
std::uint64_t SystemCpu() {
  const auto text = os::ReadFile("/proc/stat", 1 << 20);
  if (!text.ok()) return 0;
  const std::vector<std::string> words = Words(text.value().substr(0, text.value().find('\n')));
  std::uint64_t ticks = 0;
  for (std::size_t i = 1; i < words.size() && i <= 7; ++i) ticks += Number(words[i]);
  return ticks * (1'000'000'000U / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK)));
}

void ReadNetwork(int pid, apitypes::Stats& stats) {
  const auto text = os::ReadFile("/proc/" + std::to_string(pid) + "/net/dev", 1 << 20);
  if (!text.ok()) return;
  for (const std::string& line : Split(text.value(), '\n')) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string name(Trim(std::string_view(line).substr(0, colon)));
    const std::vector<std::string> n = Words(line.substr(colon + 1));
    if (name == "lo" || n.size() < 12) continue;
    stats.networks[name] = {Number(n[0]), Number(n[1]), Number(n[2]), Number(n[3]),
                            Number(n[8]), Number(n[9]), Number(n[10]), Number(n[11])};
  }
}

void ReadCgroup(const cgroup::Stats& from, std::uint64_t host_memory, apitypes::Stats& stats) {
  stats.cpu.total_usage = from.cpu_total_ns;
  stats.cpu.usage_in_usermode = from.cpu_user_ns;
  stats.cpu.usage_in_kernelmode = from.cpu_system_ns;
  stats.cpu.percpu_usage = from.cpu_per_cpu_ns;
  stats.cpu.periods = from.periods;
  stats.cpu.throttled_periods = from.throttled_periods;
  stats.cpu.throttled_time = from.throttled_ns;
  stats.memory.usage = from.memory_usage;
  stats.memory.max_usage = from.memory_max_usage;
  stats.memory.failcnt = from.memory_failcnt;
  stats.memory.limit = std::min(from.memory_limit, host_memory);
  for (const auto& [key, value] : from.memory_stat) stats.memory.stats[key] = value;
  stats.pids_current = from.pids_current;
  stats.pids_limit = from.pids_limit;
  for (const cgroup::DeviceIo& io : from.io) {
    stats.io_service_bytes.push_back({io.major, io.minor, "read", io.read_bytes});
    stats.io_service_bytes.push_back({io.major, io.minor, "write", io.write_bytes});
    stats.io_serviced.push_back({io.major, io.minor, "read", io.read_ops});
    stats.io_serviced.push_back({io.major, io.minor, "write", io.write_ops});
  }
}

// One process as `ps -ef` shows it; empty when it has gone.
std::vector<std::string> ProcessRow(pid_t pid) {
  const std::string folder = "/proc/" + std::to_string(pid);
  struct stat owner {};
  const auto stat_text = os::ReadFile(folder + "/stat", 4096);
  if (::stat(folder.c_str(), &owner) != 0 || !stat_text.ok()) return {};
  // The name in parentheses may hold anything; fields count from behind its end.
  const std::size_t close = stat_text.value().rfind(')');
  if (close == std::string::npos) return {};
  const std::vector<std::string> fields = Words(std::string_view(stat_text.value()).substr(close + 2));
  if (fields.size() < 20) return {};
  const auto ticks = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  const std::uint64_t cpu = (Number(fields[11]) + Number(fields[12])) / ticks;
  const auto uptime_text = os::ReadFile("/proc/uptime", 256);
  const std::uint64_t uptime = uptime_text.ok() ? Number(Split(uptime_text.value(), '.')[0]) : 0;
  const std::uint64_t age = uptime - std::min(uptime, Number(fields[19]) / ticks);
  const std::time_t start = std::time(nullptr) - static_cast<std::time_t>(age);
  struct tm local {};
  ::localtime_r(&start, &local);
  char began[16];
  std::strftime(began, sizeof began, age < 86400 ? "%H:%M" : "%b%d", &local);
  char time[40];
  std::snprintf(time, sizeof time, "%02lu:%02lu:%02lu", cpu / 3600, cpu / 60 % 60, cpu % 60);
  const int tty = static_cast<int>(Number(fields[4]));
  const std::string terminal = tty == 0 ? "?" : "pts/" + std::to_string(tty & 0xff);
  auto command = os::ReadFile(folder + "/cmdline", 1 << 20);
  std::string shown = command.ok() ? std::move(command).value() : "";
  std::replace(shown.begin(), shown.end(), '\0', ' ');
  shown = std::string(Trim(shown));
  if (shown.empty()) {
    const std::size_t open = stat_text.value().find('(');
    shown = "[" + stat_text.value().substr(open + 1, close - open - 1) + "]";
  }
  std::string user = std::to_string(owner.st_uid);
  if (owner.st_uid == 0) user = "root";
  const std::string share = std::to_string(age == 0 ? 0 : std::min<std::uint64_t>(99, cpu * 100 / age));
  return {user, std::to_string(pid), fields[1], share, began, terminal, time, shown};
}

}  // namespace

namespace {

std::optional<ino_t> PidNamespace(const std::string& pid) {
  struct stat info {};
  if (::stat(("/proc/" + pid + "/ns/pid").c_str(), &info) != 0) return std::nullopt;
  return info.st_ino;
}

// Of a container without a cgroup: who is in its PID namespace. Where that is ours (--pid host), its first one alone
// can be told from others.
std::vector<pid_t> ProcessesBeside(pid_t first) {
  const auto inside = PidNamespace(std::to_string(first));
  const auto names = os::ListDirectory({AT_FDCWD}, "/proc");
  if (!inside || !names.ok()) return {};
  if (inside == PidNamespace("self")) return {first};
  std::vector<pid_t> pids;
  for (const std::string& name : *names) {
    const auto pid = ParseUint(name);
    if (pid.ok() && PidNamespace(name) == inside) pids.push_back(static_cast<pid_t>(*pid));
  }
  std::ranges::sort(pids);
  return pids;
}

Result<std::vector<pid_t>> ProcessesOf(const cgroup::Hierarchies& hierarchies, const std::string& path, pid_t first) {
  if (path.empty()) return ProcessesBeside(first);
  const cgroup::Cgroup group = TRY(cgroup::Cgroup::Open(hierarchies, path));
  return group.Processes();
}

}  // namespace

struct Containers::Sampling {
  ContainerPtr container;
  StatsCallbacks callbacks;
  Token token = 0;
  bool stream = true;
  bool one_shot = false;
  bool first = true;
  std::optional<apitypes::Stats> last;
  std::atomic<bool> cancelled = false;
};

Result<apitypes::Stats> Containers::Sample(const ContainerPtr& container) {
  ContainerRecord record;
  std::string path;
  int pid = 0;
  {
    auto data = container->data.Lock();
    record = data->record;
    path = CgroupInUse(*data);
    pid = data->state.pid;
  }
  apitypes::Stats stats;
  stats.id = record.id;
  stats.name = "/" + record.name;
  if (pid == 0) return stats;  // as docker: a container that does not run uses nothing
  stats.read = FormatRfc3339(WallNow());
  if (path.empty())
    return Error(Code::kFailedPrecondition, "container " + record.name + " has no cgroup to read its statistics from")
        .Hint("statistics need a cgroup that is delegated to the user (systemd: Delegate=yes)");
  const cgroup::Cgroup group = TRY(cgroup::Cgroup::Open(w_.host->facts.cgroups, path));
  const cgroup::Stats sample = TRY(cgroup::ReadStats(group));
  ReadCgroup(sample, static_cast<std::uint64_t>(w_.host->memory), stats);
  stats.cpu.system_usage = SystemCpu();
  stats.cpu.online_cpus = static_cast<std::uint32_t>(w_.host->limits.cpus);
  if (!UsesHostNetwork(record)) ReadNetwork(pid, stats);
  return stats;
}

// On a worker, a second apart; no thread is held in between.
void Containers::NextSample(const std::shared_ptr<Sampling>& sampling) {
  if (sampling->cancelled || stopping_) return;
  const auto end = [&](Status status) {
    w_.tokens->Drop(sampling->token);
    sampling->callbacks.ended(std::move(status));
  };
  const bool known = Get(sampling->container->id).ok();
  auto sample = Sample(sampling->container);
  if (!known) return end(Ok());
  // Its control groups may go while we look.
  if (!sample.ok() && sample.error().code() != Code::kNotFound) return end(std::move(sample).error());
  apitypes::Stats now = sample.ok() ? std::move(sample).value() : apitypes::Stats{};
  now.id = sampling->container->id;
  if (sampling->last.has_value()) {
    now.precpu = sampling->last->cpu;
    now.preread = sampling->last->read;
  }
  // One answer with two samples a second apart, unless one shot was asked for.
  const bool wants_two = !sampling->stream && !sampling->one_shot && !sampling->last.has_value();
  if (!wants_two) {
    sampling->callbacks.sample(sampling->first, now);
    sampling->first = false;
    if (!sampling->stream) return end(Ok());
  }
  sampling->last = std::move(now);
  w_.loop->Post([this, sampling] {
    w_.loop->AddTimer(1s, [this, sampling] {
      w_.workers->Submit([this, sampling] { NextSample(sampling); });
    });
  });
}

Result<Token> Containers::Stats(const std::string& id, bool stream, bool one_shot, StatsCallbacks callbacks) {
  auto sampling = std::make_shared<Sampling>();
  sampling->container = TRY(Get(id));
  sampling->callbacks = std::move(callbacks);
  sampling->stream = stream;
  sampling->one_shot = one_shot;
  sampling->token = w_.tokens->Add([sampling](Token) { sampling->cancelled = true; });
  const Token token = sampling->token;
  if (!w_.workers->Submit([this, sampling] { NextSample(sampling); })) {
    w_.tokens->Drop(token);
    return Error(Code::kUnavailable, "the engine is busy or stopping");
  }
  return token;
}

Result<apitypes::ContainerTop> Containers::Top(const std::string& id, const std::string& ps_args) {
  const ContainerPtr container = TRY(Get(id));
  TRY(RunningLink(container, ""));
  if (!ps_args.empty() && ps_args != "-ef") {
    return Error(Code::kNotImplemented, "ps_args '" + ps_args + "' is not supported; only -ef is");
  }
  std::string path;
  pid_t first = 0;
  {
    auto data = container->data.Lock();
    path = CgroupInUse(*data);
    first = data->state.pid;
  }
  const std::vector<pid_t> pids = TRY(ProcessesOf(w_.host->facts.cgroups, path, first));
  apitypes::ContainerTop top;
  top.titles = {"UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"};
  for (const pid_t pid : pids) {
    std::vector<std::string> row = ProcessRow(pid);
    if (!row.empty()) top.processes.push_back(std::move(row));
  }
  return top;
}

}  // namespace estiba::engine
