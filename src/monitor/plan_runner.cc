#include "plan_runner.h"

#include <algorithm>
#include <cerrno>
#include <map>

#include <fcntl.h>
#include <sched.h>
#include <sys/epoll.h>

#include "monitorapi/health.h"
#include "os/file.h"
#include "plan/network_change.h"
#include "plan/undo.h"
#include "port_of.h"
#include "plan/wire.h"
#include "runtime/container.h"

namespace estiba::monitor {
namespace {

Running Convert(os::Process process, os::UniqueFd terminal, const runtime::Trace& trace) {
  Running running{std::move(process), std::move(terminal), {}};
  for (const plan::Timing& timing : trace.Timings())
    running.timings.push_back(
        {static_cast<std::uint32_t>(timing.step), static_cast<std::uint64_t>(timing.duration.count())});
  return running;
}

constexpr const char* kPlan = "plan";
constexpr const char* kNextPlan = "plan.next";

bool Has(const plan::Plan& plan, plan::Op op) {
  return std::ranges::find(plan.steps, op, &plan::Step::op) != plan.steps.end();
}

// All published ports of a user's, or some of root's.
bool IsRelayed(const plan::Plan& plan) {
  return plan::UserNetworkOf(plan) != nullptr || plan::PortRelayOf(plan) != nullptr;
}

// Of the published ports those that are relayed, as far as a socket holds them.
Result<std::vector<uplink::Port>> RelayedPorts(const plan::Plan& plan, const std::vector<int>& sockets) {
  const bool all = plan::UserNetworkOf(plan) != nullptr;
  std::map<std::string, int> held;
  for (const int socket : sockets) held[TRY(PortOf(socket))] = socket;
  std::vector<uplink::Port> ports;
  for (const plan::Step& step : plan.steps) {
    if (step.op != plan::Op::kPublishPorts) continue;
    for (const std::string& line : step.text) {
      const auto found = held.find(plan::HostPort(line));
      const bool relayed = all || TRY(net::ParseLine(line)).IsRelayed();
      if (relayed && found != held.end()) ports.push_back({line, found->second});
    }
  }
  return ports;
}

// While it waits to be let go, its namespaces are what we made; the program may enter others later.
Result<os::UniqueFd> OpenOwnNetns(const plan::Plan& plan, pid_t pid) {
  if ((plan.clone_flags & CLONE_NEWNET) == 0) return os::UniqueFd();
  return os::OpenAt({AT_FDCWD}, "/proc/" + std::to_string(pid) + "/ns/net", O_RDONLY);
}

}  // namespace

Result<plan::Plan> PlanRunner::Read(const char* name) const {
  const std::string bytes = TRY_CTX(os::ReadFileAt(dir_, name, plan::kMaxEncodedPlan), "read the container's plan");
  return TRY_CTX(plan::Decode(bytes), "read the container's plan");
}

Result<plan::Plan> PlanRunner::Load() {
  plan::Plan decoded = TRY(Read(kPlan));
  cgroup_path_ = decoded.cgroup_path;
  has_hooks_ = !decoded.state_json_head.empty();
  return decoded;
}

Result<Running> PlanRunner::Run(const Stdio& stdio, const Created& created) {
  group_.reset();
  const plan::Plan decoded = TRY(Load());
  runtime::LaunchOptions options;
  options.stdio = {stdio.in, stdio.out, stdio.err};
  options.measure = true;
  options.host_network = TRY(network_.Reach(decoded));
  if (failpoint_->set()) options.on_step = [this] { failpoint_->Hit("step"); };
  auto container = TRY(runtime::Container::Create(decoded, options));
  TRY(created(container.pid()));
  os::UniqueFd netns = TRY(OpenOwnNetns(decoded, container.pid()));
  TRY(container.Start());
  os::UniqueFd terminal = container.TakeTerminal();
  net::NameSockets names = container.TakeNameSockets();
  os::UniqueFd host_use = container.TakeHostUse();
  procfs_ = container.TakeProcfs();
  os::Process process = container.Detach();
  Running running = Convert(std::move(process), std::move(terminal), *container.trace());
  running.names = std::move(names);
  running.host_use = std::move(host_use);
  running.rules = runtime::MakesRules(decoded);
  running.host_network = options.host_network;
  running.relays = IsRelayed(decoded);
  running.netns = std::move(netns);
  return running;
}

Result<Running> PlanRunner::Exec(const std::string& encoded_plan, pid_t init_pid, int init_pidfd,
                                 const Stdio& stdio) {
  const plan::Plan decoded = TRY_CTX(plan::Decode(encoded_plan), "read the exec's plan");
  runtime::LaunchOptions options;
  options.stdio = {stdio.in, stdio.out, stdio.err};
  if (failpoint_->set()) options.on_step = [this] { failpoint_->Hit("exec-step"); };
  auto result = TRY(runtime::Exec(decoded, init_pid, init_pidfd, options));
  return Running{std::move(result.process), std::move(result.terminal), {}};
}

Result<Running> PlanRunner::Probe(pid_t init_pid, int init_pidfd, const Stdio& stdio) {
  const std::string bytes =
      TRY_CTX(os::ReadFileAt(dir_, monitorapi::kHealthPlanName, plan::kMaxEncodedPlan), "read the probe's plan");
  return Exec(bytes, init_pid, init_pidfd, stdio);
}

Status PlanRunner::Undo() { return TakeBack(runtime::Then::kGoOn); }

Status PlanRunner::UndoAtEnd() { return TakeBack(runtime::Then::kEnd); }

Status PlanRunner::TakeBack(runtime::Then then) {
  group_.reset();
  procfs_.Reset();
  const plan::Plan decoded = TRY(Load());
  const int netns = TRY(network_.Find(decoded));
  if (netns < 0 && plan::UserNetworkOf(decoded) != nullptr) return runtime::Undo(plan::WithoutUserNetwork(decoded));
  if (netns < 0) return runtime::Undo(decoded, nullptr, then);
  return UserNetwork::In(netns, [&] { return runtime::Undo(decoded); });
}

Status PlanRunner::RestoreRules() {
  const plan::Plan decoded = TRY(Load());
  const int netns = TRY(network_.Reach(decoded));
  return UserNetwork::In(netns, [&] { return runtime::RestoreRules(decoded); });
}

Status PlanRunner::RelayPorts(const std::vector<int>& sockets) {
  const plan::Plan decoded = TRY(Load());
  if (plan::UserNetworkOf(decoded) != nullptr) return network_.Publish(TRY(RelayedPorts(decoded, sockets)));
  const plan::Step* step = plan::PortRelayOf(decoded);
  if (step == nullptr) return relay_.Serve({}, {});
  const uplink::Place place{step->text.at(0), step->text.at(1), /*of_host=*/true};
  return relay_.Serve(place, TRY(RelayedPorts(decoded, sockets)));
}

Status PlanRunner::ClearHost() {
  const plan::Plan decoded = TRY(Load());
  return runtime::ClearHost(decoded);
}

Status PlanRunner::TellNames() {
  const plan::Plan decoded = TRY(Load());
  return runtime::TellNames(decoded);
}

// The plan in the folder names whatever may be on the host at any instant: before the change both, then the next.
Result<Runner::Changed> PlanRunner::ChangeNetwork(int netns, std::uint64_t revision) {
  const plan::Plan present = TRY(Read(kPlan));
  const plan::Plan next = TRY(Read(kNextPlan));
  if (next.revision != revision) return Error(Code::kDataLoss, "the container's next plan is another one");
  Changed changed;
  if (netns >= 0) {
    const plan::NetworkChange change = plan::ChangeOf(present, next);
    TRY(os::ReplaceFile(dir_, kPlan, plan::Encode(change.noted), 0600));
    failpoint_->Hit("change-noted");
    const plan::Plan& with = plan::UserNetworkOf(next) != nullptr ? next : present;
    const int host = TRY(network_.Reach(with));
    runtime::NetworkChanged made;
    const Status done = UserNetwork::In(host, [&]() -> Status {
      made = TRY(runtime::ChangeNetwork(change, netns, [this] { failpoint_->Hit("change-step"); }));
      return Ok();
    });
    if (!done.ok()) {
      TRY(os::ReplaceFile(dir_, kPlan, plan::Encode(present), 0600));
      return Error(done.error().Clone());
    }
    if (!made.removed.ok()) return std::move(made.removed).error();  // still noted: its end takes it back
    changed.names = std::move(made.names);
    changed.host_use = std::move(made.host_use);
    changed.host_network = host;
  }
  failpoint_->Hit("change-made");
  TRY(os::ReplaceFile(dir_, kPlan, plan::Encode(next), 0600));
  failpoint_->Hit("change-kept");
  if (plan::UserNetworkOf(next) == nullptr) network_.Release();
  changed.has_names = Has(next, plan::Op::kServeNames);
  changed.uses_host = Has(next, plan::Op::kUseHost);
  changed.rules = runtime::MakesRules(next);
  changed.host_ports = plan::HostPorts(next);
  return changed;
}

std::vector<Error> PlanRunner::RunPoststopHooks() {
  if (!has_hooks_) return {};
  std::vector<Error> errors;
  auto decoded = Load();
  if (decoded.ok()) return runtime::RunPoststopHooks(*decoded);
  errors.push_back(std::move(decoded).error());
  return errors;
}

Result<cgroup::Cgroup*> PlanRunner::Group() {
  if (group_) return &*group_;
  if (!cgroup_path_) TRY(Load());
  if (cgroup_path_->empty()) return Error(Code::kNotFound, "the container has no cgroup");
  const auto hierarchies = TRY(cgroup::Probe());
  group_ = TRY(cgroup::Cgroup::Open(hierarchies, *cgroup_path_));
  return &*group_;
}

Status PlanRunner::KillAll() {
  cgroup::Cgroup* group = TRY(Group());
  return group->Kill();
}

Status PlanRunner::Freeze() {
  cgroup::Cgroup* group = TRY(Group());
  return group->Freeze();
}

Status PlanRunner::Thaw() {
  cgroup::Cgroup* group = TRY(Group());
  return group->Thaw();
}

Result<std::vector<std::int32_t>> PlanRunner::Processes() {
  cgroup::Cgroup* group = TRY(Group());
  return group->Processes();
}

Result<std::uint64_t> PlanRunner::OomKills() {
  cgroup::Cgroup* group = TRY(Group());
  return group->OomKills();
}

Result<std::vector<monitorapi::Counter>> PlanRunner::Counters() {
  cgroup::Cgroup* group = TRY(Group());
  const cgroup::Stats stats = TRY(cgroup::ReadStats(*group));
  std::vector<monitorapi::Counter> counters = {
      {"memory.usage", stats.memory_usage},
      {"memory.limit", stats.memory_limit},
      {"memory.max_usage", stats.memory_max_usage},
      {"memory.failcnt", stats.memory_failcnt},
      {"cpu.total_ns", stats.cpu_total_ns},
      {"cpu.user_ns", stats.cpu_user_ns},
      {"cpu.system_ns", stats.cpu_system_ns},
      {"cpu.periods", stats.periods},
      {"cpu.throttled_periods", stats.throttled_periods},
      {"cpu.throttled_ns", stats.throttled_ns},
      {"pids.current", stats.pids_current},
      {"pids.limit", stats.pids_limit},
  };
  for (const auto& [name, value] : stats.memory_stat) counters.push_back({"memory.stat." + name, value});
  for (std::size_t i = 0; i < stats.cpu_per_cpu_ns.size(); ++i)
    counters.push_back({"cpu.percpu_ns." + std::to_string(i), stats.cpu_per_cpu_ns[i]});
  for (const auto& io : stats.io) {
    const std::string device = "io." + std::to_string(io.major) + ":" + std::to_string(io.minor) + ".";
    counters.push_back({device + "read_bytes", io.read_bytes});
    counters.push_back({device + "write_bytes", io.write_bytes});
    counters.push_back({device + "read_ops", io.read_ops});
    counters.push_back({device + "write_ops", io.write_ops});
  }
  return counters;
}

Status PlanRunner::Apply(const std::vector<monitorapi::CgroupWrite>& writes) {
  cgroup::Cgroup* group = TRY(Group());
  std::vector<cgroup::Write> list;
  for (const auto& write : writes) {
    cgroup::Write& to = list.emplace_back();
    to.controller = write.controller;
    to.file = write.file;
    to.value = write.value;
    to.field = write.field;
    to.optional = write.optional;
    to.alternative_file = write.alternative_file;
    to.alternative_value = write.alternative_value;
  }
  return group->Apply(list);
}

Result<Runner::OomEvents> PlanRunner::WatchOom() {
  cgroup::Cgroup* group = TRY(Group());
  cgroup::OomWatch watch = TRY(group->WatchOom());
  return OomEvents{std::move(watch.fd), static_cast<std::uint32_t>(watch.events), std::move(watch.kept)};
}

}  // namespace estiba::monitor
