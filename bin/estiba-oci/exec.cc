// exec: a further process in a running container.

#include <algorithm>
#include <optional>

#include "base/parse.h"
#include "base/text.h"
#include "commands.h"
#include "filter_cache.h"
#include "foreground.h"
#include "launch.h"
#include "oci/runtime_json.h"
#include "os/file.h"
#include "runtime/container.h"
#include "state_dir.h"

namespace estiba::ocicli {
namespace {

// "uid[:gid]": names are the caller's to resolve.
Status ReadUser(const std::string& text, oci::User& user) {
  if (text.empty()) return Ok();
  constexpr std::uint64_t kMost = UINT32_MAX - 1;  // the last one means "do not change" to setuid(2)
  const auto colon = text.find(':');
  const auto uid = TRY_CTX(ParseUint(text.substr(0, colon), kMost), "--user");
  user.uid = static_cast<std::uint32_t>(uid);
  user.username.clear();
  if (colon == std::string::npos) return Ok();
  const auto gid = TRY_CTX(ParseUint(text.substr(colon + 1), kMost), "--user");
  user.gid = static_cast<std::uint32_t>(gid);
  return Ok();
}

void AddCapabilities(const std::vector<std::string>& names, oci::Process& process) {
  if (names.empty()) return;
  if (!process.capabilities) process.capabilities.emplace();
  const auto add = [](std::vector<std::string>& set, const std::string& name) {
    if (std::ranges::find(set, name) == set.end()) set.push_back(name);
  };
  for (const std::string& name : names) {
    add(process.capabilities->bounding, name);
    add(process.capabilities->effective, name);
    add(process.capabilities->permitted, name);
    // Never into the inheritable set: a program with file capabilities would take it over (CVE-2022-29162). What the
    // configuration has there is meant to reach a user other than root.
    const auto& inheritable = process.capabilities->inheritable;
    if (std::ranges::find(inheritable, name) != inheritable.end()) add(process.capabilities->ambient, name);
  }
}

Result<oci::Process> FromFlags(const Flags& flags, oci::Process process) {
  const auto& words = flags.rest();
  if (words.size() < 2) return Error(Code::kInvalidArgument, "process args cannot be empty");
  process.args.assign(words.begin() + 1, words.end());
  process.terminal = flags.On("tty");
  process.console_size.reset();
  if (flags.Has("cwd")) process.cwd = flags.Get("cwd");
  for (std::string& variable : flags.All("env")) process.env.push_back(std::move(variable));
  if (flags.Has("apparmor")) process.apparmor_profile = flags.Get("apparmor");
  if (flags.Has("process-label")) process.selinux_label = flags.Get("process-label");
  if (flags.Has("no-new-privs")) process.no_new_privileges = flags.On("no-new-privs");
  TRY(ReadUser(flags.Get("user"), process.user));
  for (const std::string& group : flags.All("additional-gids")) {
    const auto gid = TRY_CTX(ParseUint(group, UINT32_MAX - 1), "--additional-gids");
    process.user.additional_gids.push_back(static_cast<std::uint32_t>(gid));
  }
  AddCapabilities(flags.All("cap"), process);
  return process;
}

Result<oci::Process> ProcessOf(const Flags& flags, const oci::RuntimeSpec& spec) {
  if (!flags.Has("process")) return FromFlags(flags, spec.process.value_or(oci::Process{}));
  for (const char* name : {"cwd", "env", "user", "additional-gids", "process-label", "apparmor", "no-new-privs", "cap"})
    if (flags.Has(name))
      return Error(Code::kInvalidArgument, std::string("--") + name + " cannot be used with --process");
  if (flags.rest().size() > 1)
    return Error(Code::kInvalidArgument, "a command cannot be used with --process: the file has process.args");
  const std::string text = TRY_CTX(os::ReadFile(flags.Get("process")), "--process");
  oci::Process process = TRY(oci::ParseProcess(text));
  if (flags.On("tty")) process.terminal = true;
  return process;
}

// "[controller[,controller…]:]path", each.
Result<oci::StringMap> SubCgroups(const std::vector<std::string>& given) {
  const auto bad = [](const std::string& text, const char* why) {
    return Error(Code::kInvalidArgument, "invalid --cgroup argument: " + text + " (" + why + ")");
  };
  oci::StringMap below;
  for (const std::string& text : given) {
    const auto colon = text.find(':');
    if (colon == std::string::npos && given.size() > 1) return bad(text, "missing <controller>: prefix");
    const std::string path = colon == std::string::npos ? text : text.substr(colon + 1);
    for (std::string& controller : Split(colon == std::string::npos ? "" : text.substr(0, colon), ',')) {
      if (colon != std::string::npos && controller.empty()) return bad(text, "empty <controller> prefix");
      const auto same = [&](const auto& entry) { return entry.first == controller; };
      if (std::ranges::any_of(below, same)) return bad(text, "controller specified multiple times");
      below.emplace_back(std::move(controller), path);
    }
  }
  return below;
}

Status CheckStatus(const Snapshot& now, const Flags& flags) {
  if (now.status == "stopped" || now.status == "creating")
    return Error(Code::kFailedPrecondition, "cannot exec in a stopped container");
  if (now.status == "paused" && !flags.On("ignore-paused"))
    return Error(Code::kFailedPrecondition,
                 "cannot exec in a paused container (use --ignore-paused to override)");
  return Ok();
}

// The scope that the user's own systemd keeps the container in; empty: none.
Result<std::string> UserScopeOf(const StateDir& dir) {
  const plan::Plan plan = TRY(dir.LoadPlan());
  const plan::Step* start = plan::ScopeStart(plan);
  return start == nullptr || start->numbers.at(0) == 0 ? std::string() : start->text.at(0);
}

Result<plan::Plan> PlanOf(const Context& context, const StateDir& dir, const Snapshot& now,
                          std::vector<int>& passed) {
  const Flags& flags = context.flags;
  plan::ExecInput input;
  input.id = dir.id();
  input.spec = TRY(dir.LoadConfig());
  input.process = TRY(ProcessOf(flags, input.spec));
  input.bundle = now.record.bundle;
  input.cgroup_path = now.record.cgroup_path;
  input.sub_cgroups = TRY(SubCgroups(flags.All("cgroup")));
  input.isolate_from_parent = false;
  input.every_cpu = BoundToSomeCpus();
  input.relayed_terminal = !flags.Has("console-socket");
  TRY(oci::ValidateProcess(input.process));
  TRY(CheckConsole(flags, input.process.terminal, flags.On("detach")));
  passed = TRY(PassedFds(flags, input.process.env));
  if (const auto& seccomp = input.spec.linux_config.seccomp)
    input.seccomp = TRY(CompiledFilter(*seccomp, context.reporter));
  plan::HostFacts facts = TRY(AskHost(context.globals, now.cgroups));
  if (input.spec.landlock) facts.kernel.landlock_abi = os::LandlockAbi();
  if (facts.rootless) input.user_scope = TRY(UserScopeOf(dir));
  return plan::BuildExec(input, facts);
}

}  // namespace

Result<int> ExecCommand(const Context& context) {
  const Flags& flags = context.flags;
  const StateDir dir = TRY(StateDir::Open(context.globals.root, flags.rest().front()));
  const Snapshot now = TRY(Look(dir));
  TRY(CheckStatus(now, flags));
  std::vector<int> passed;
  const plan::Plan plan = TRY(PlanOf(context, dir, now, passed));
  Report(plan, context.reporter);
  const bool detached = flags.On("detach");
  std::optional<Foreground> foreground;
  if (!detached) foreground.emplace(TRY(Foreground::Begin()));
  runtime::LaunchOptions options;
  options.stdio = {.in = 0, .out = 1, .err = 2};
  options.extra_fds = passed;
  options.hierarchies = now.cgroups;
  runtime::ExecResult started = TRY(runtime::Exec(plan, now.record.pid, now.pidfd.get(), options));
  if (started.terminal.valid() && flags.Has("console-socket")) {
    TRY(SendConsole(flags, started.terminal.get()));
    started.terminal.Reset();
  }
  TRY(SendPidfd(flags, started.process.pidfd()));
  TRY(WritePidFile(flags, started.process.pid()));
  if (detached) {
    started.process.Detach();
    return 0;
  }
  return foreground->Stay(std::move(started.process), std::move(started.terminal));
}

}  // namespace estiba::ocicli
