// create, start, run: a container's first half. What goes wrong on the way is taken back.

#include <optional>

#include "commands.h"
#include "filter_cache.h"
#include "foreground.h"
#include "language.h"
#include "launch.h"
#include "notify.h"
#include "os/file.h"
#include "os/process.h"
#include "plan/explain.h"
#include "remove.h"
#include "runtime/container.h"
#include "state_dir.h"

namespace estiba::ocicli {
namespace {

struct Created {
  StateDir dir;
  plan::Plan plan;
  cgroup::Hierarchies cgroups;
  std::optional<runtime::Container> container;  // its process waits to be started
  os::UniqueFd terminal;                        // not handed to a console socket
  std::shared_ptr<const runtime::Trace> trace;  // with --trace-plan
};

enum class StartedBy : unsigned char { kUs, kAnother };  // another call of this program, through the gate

Status Launch(const Context& context, const Bundle& bundle, const std::vector<int>& passed, StartedBy starter,
              Created& created) {
  runtime::LaunchOptions options;
  options.stdio = {.in = 0, .out = 1, .err = 2};
  options.extra_fds = passed;
  options.hierarchies = created.cgroups;
  options.measure = context.flags.On("trace-plan");
  options.meanwhile = [&](pid_t pid) -> Status {
    TRY(created.dir.SaveConfig(bundle.text));
    const auto start_time = TRY(os::StartTime(pid));
    return created.dir.Prepare(RecordOf(bundle, created.plan, pid, start_time));
  };
  if (starter == StartedBy::kAnother) options.gate = created.dir.dir();
  runtime::Container container = TRY(runtime::Container::Create(created.plan, options));
  created.trace = container.trace();
  created.terminal = container.TakeTerminal();
  if (created.terminal.valid() && context.flags.Has("console-socket")) {
    TRY(SendConsole(context.flags, created.terminal.get()));
    created.terminal.Reset();
  }
  TRY(SendPidfd(context.flags, container.pidfd()));
  TRY(created.dir.Commit());
  TRY(WritePidFile(context.flags, container.pid()));
  created.container = std::move(container);
  return Ok();
}

Result<Created> Create(const Context& context, bool detached, StartedBy starter) {
  const std::string& id = context.flags.rest().front();
  TRY(CheckId(id));
  Bundle bundle = TRY(LoadBundle(context.flags));
  if (!bundle.spec.process) return Error(Code::kInvalidArgument, "process: missing");
  TRY(CheckConsole(context.flags, bundle.spec.process->terminal, detached));
  const std::vector<int> passed = TRY(PassedFds(context.flags, bundle.spec.process->env));
  const bool manager = NotifySocket().has_value();
  if (manager) {
    const std::string folder = TRY(StateFolder(context));
    AddNotifySocket(folder, bundle.spec);
  }
  plan::HostFacts facts = TRY(AskHost(context.globals));
  TRY(AskHostFor(bundle.spec, facts));
  plan::ContainerInput input = TRY(InputOf(context, bundle, id, facts));
  if (const auto& seccomp = bundle.spec.linux_config.seccomp)
    input.seccomp = TRY(CompiledFilter(*seccomp, context.reporter));
  plan::Plan plan = TRY(plan::BuildContainer(input, facts));
  Report(plan, context.reporter);
  StateDir dir = TRY(StateDir::Create(context.globals.root, id));
  Created created{.dir = std::move(dir), .plan = std::move(plan), .cgroups = std::move(facts.cgroups),
                  .container = {}, .terminal = {}, .trace = {}};
  Status done = manager ? MakeNotifyFolder(created.dir) : Ok();
  if (done.ok()) done = created.dir.SavePlan(created.plan);
  if (done.ok()) done = Launch(context, bundle, passed, starter, created);
  if (done.ok()) return created;
  // What Launch made it has undone; a folder that stays is still removable by `delete --force`.
  if (const Status removed = created.dir.Remove(); !removed.ok())
    context.reporter.Warning(removed.error().Message());
  return std::move(done).error();
}

// Lets it go and runs the poststart hooks; on failure nothing is left.
Status Start(const Context& context, const StateDir& dir, const plan::Plan& plan, pid_t pid) {
  Status started = runtime::ReleaseAt(plan, dir.dir());
  if (started.ok()) started = runtime::RunPoststartHooks(plan, pid);
  if (started.ok() || started.error().code() == Code::kFailedPrecondition) return started;
  if (const Status ended = EndContainer(dir); !ended.ok()) context.reporter.Warning(ended.error().Message());
  return started;
}

// The same for who has created it: the process, or the reason why there is none.
Result<os::Process> Start(const Context& context, Created& created) {
  Status started = created.container->Start();
  os::Process process = created.container->Detach();
  if (started.ok()) return process;
  process = {};  // killed, and waited for
  if (const Status removed = RemoveContainer(created.dir, created.plan, created.cgroups, context.reporter);
      !removed.ok())
    context.reporter.Warning(removed.error().Message());
  return std::move(started).error();
}

// What passes on that the container is ready, where a service manager started us.
Result<std::optional<NotifyRelay>> OpenRelay(const Context& context) {
  const auto manager = NotifySocket();
  if (!manager) return std::optional<NotifyRelay>();
  const std::string folder = TRY(StateFolder(context));
  NotifyRelay relay = TRY(NotifyRelay::Open(*manager, folder));
  return std::optional<NotifyRelay>(std::move(relay));
}

// --trace-plan: the plan with what each step took, on stderr, apart from what the container prints.
Status ShowTrace(const Context& context, const Created& created) {
  if (created.trace == nullptr) return Ok();
  const plan::Language language = TRY(LanguageOf(context.flags));
  return os::WriteAll(2, plan::ExplainText(created.plan, {.language = language, .timings = created.trace->Timings()}));
}

}  // namespace

Result<int> CreateCommand(const Context& context) {
  Created created = TRY(Create(context, /*detached=*/true, StartedBy::kAnother));
  TRY(ShowTrace(context, created));
  created.container->Detach().Detach();  // the caller's, by its subreaper, from here on
  return 0;
}

Result<int> StartCommand(const Context& context) {
  const StateDir dir = TRY(StateDir::Open(context.globals.root, context.flags.rest().front()));
  TRY(dir.Lock());
  const Snapshot now = TRY(Look(dir));
  if (now.status == "stopped") return Error(Code::kFailedPrecondition, "cannot start a container that has stopped");
  if (now.status != "created") return Error(Code::kFailedPrecondition, "cannot start an already running container");
  const plan::Plan plan = TRY(dir.LoadPlan());
  const auto relay = TRY(OpenRelay(context));
  TRY(Start(context, dir, plan, now.record.pid));
  dir.Unlock();
  if (relay) TRY(relay->WaitUntilReady(now.pidfd.get(), now.record.pid));
  return 0;
}

Result<int> RunCommand(const Context& context) {
  const bool detached = context.flags.On("detach");
  std::optional<Foreground> foreground;
  if (!detached) foreground.emplace(TRY(Foreground::Begin(!context.flags.On("no-subreaper"))));
  Created created = TRY(Create(context, detached, StartedBy::kUs));
  auto relay = TRY(OpenRelay(context));
  os::Process process = TRY(Start(context, created));
  TRY(ShowTrace(context, created));
  if (detached) {
    created.dir.Unlock();
    const pid_t pid = process.pid();
    const os::UniqueFd pidfd = process.Detach();
    if (relay) TRY(relay->WaitUntilReady(pidfd.get(), pid));
    return 0;
  }
  created.dir.Unlock();
  const int code = TRY(foreground->Stay(std::move(process), std::move(created.terminal), std::move(relay)));
  if (context.flags.On("keep")) return code;
  TRY(RemoveEnded(created.dir, created.plan, created.cgroups, context.reporter));
  return code;
}

}  // namespace estiba::ocicli
