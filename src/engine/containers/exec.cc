// Commands in running containers. Their records are in the store: a client may ask the next engine for an exit code.

#include <condition_variable>

#include "../names.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "containers.h"
#include "monitorapi/detach_keys.h"
#include "os/file.h"
#include "plan/wire.h"

namespace estiba::engine {
namespace {

using namespace std::chrono_literals;

constexpr const char* kTable = "execs";
constexpr auto kPatience = 60s;
// Long enough for any client to ask for the exit code.
constexpr std::int64_t kKeepNs = std::int64_t{5} * 60 * 1'000'000'000;

std::int64_t Now() { return WallNow().time_since_epoch().count(); }

Error NoSuchExec(const std::string& id) { return Error(Code::kNotFound, "No such exec instance: " + id); }

}  // namespace

Status Containers::SaveExec(const ExecRecord& exec) {
  return w_.database->Put(kTable, exec.id, exec.ToJson().Dump());
}

Result<ExecRecord> Containers::GetExec(const std::string& exec_id) {
  auto execs = execs_.Lock();
  const auto found = execs->find(exec_id);
  if (found == execs->end()) return NoSuchExec(exec_id);
  return found->second;
}

void Containers::ExpireExecs() {
  store::Batch batch;
  const std::int64_t oldest = Now() - kKeepNs;
  {
    auto execs = execs_.Lock();
    std::erase_if(*execs, [&](const auto& entry) {
      const ExecRecord& exec = entry.second;
      const bool old = exec.exited && exec.finished_at < oldest;
      if (old) batch.Delete(kTable, exec.id);
      return old;
    });
  }
  if (batch.empty()) return;
  const Status applied = w_.database->Apply(batch);
  if (!applied.ok()) log::Warn("forget old execs", {{"error", applied.error().Message()}});
}

void Containers::ForgetExecs(const std::string& container_id) {
  store::Batch batch;
  {
    auto execs = execs_.Lock();
    std::erase_if(*execs, [&](const auto& entry) {
      if (entry.second.container_id != container_id) return false;
      batch.Delete(kTable, entry.first);
      return true;
    });
  }
  if (batch.empty()) return;
  const Status applied = w_.database->Apply(batch);
  if (!applied.ok()) log::Warn("forget execs", {{"error", applied.error().Message()}});
}

// The container has ended, and with it what ran in it.
void Containers::EndExecsOf(const std::string& container_id) {
  std::vector<std::string> running;
  {
    auto execs = execs_.Lock();
    for (const auto& [id, exec] : *execs) {
      if (exec.container_id == container_id && exec.running) running.push_back(id);
    }
  }
  for (const std::string& id : running) EndExec(id, 137, Now());
}

Result<std::string> Containers::CreateExec(const std::string& id, const apitypes::ExecCreate& create) {
  const ContainerPtr container = TRY(Get(id));
  if (create.cmd.empty()) return Error(Code::kInvalidArgument, "No exec command specified");
  TRY(monitorapi::ParseDetachKeys(create.detach_keys));
  if (!create.working_dir.empty() && create.working_dir[0] != '/') {
    return Error(Code::kInvalidArgument,
                 "the working directory '" + create.working_dir + "' is invalid, it needs to be an absolute path");
  }
  TRY(RunningLink(container, ""));
  if (container->data.Lock()->state.phase == Phase::kPaused) {
    return Error(Code::kConflict, "container " + container->id + " is paused, unpause the container before exec");
  }
  ExpireExecs();
  ExecRecord exec;
  exec.id = TRY(MakeId());
  exec.container_id = container->id;
  exec.create = create;
  TRY(SaveExec(exec));
  const std::string exec_id = exec.id;
  execs_.Lock()->emplace(exec_id, std::move(exec));
  Publish(container, "exec_create: " + Join(create.cmd, " "), {{"execID", exec_id}});
  return exec_id;
}

Result<std::string> Containers::ExecPlan(const ContainerPtr& container, const ExecRecord& exec) {
  ContainerRecord record;
  std::string profile;
  std::string cgroup;
  {
    auto data = container->data.Lock();
    record = data->record;
    profile = data->state.apparmor_profile;
    cgroup = CgroupInUse(*data);
  }
  SpecContext context = TRY(ContextOf(record));
  context.cgroup_path = cgroup;
  // The container's own, whatever has become of the host's since it was started; --privileged does not take it away.
  context.apparmor_profile = profile;
  TRY(w_.apparmor->Ensure(profile));
  return EncodeExecPlan(record, context, exec.create);
}

Result<std::string> Containers::EncodeExecPlan(const ContainerRecord& record, const SpecContext& context,
                                               const apitypes::ExecCreate& create) {
  plan::ExecInput input;
  input.id = record.id;
  input.name = record.name;
  input.spec = TRY(BuildSpec(record, context));
  input.process = TRY(BuildExecProcess(record, context, create));
  if (create.privileged) {
    input.spec.linux_config.seccomp.reset();
  } else if (const auto seccomp = TRY(SeccompOf(record, context))) {
    input.seccomp = seccomp->compiled;
  }
  input.cgroup_path = context.cgroup_path;
  // The container has one, or has none, wherever this engine may make others.
  plan::HostFacts facts = w_.host->facts;
  facts.cgroups_writable = !context.cgroup_path.empty();
  const plan::Plan plan = TRY(plan::BuildExec(input, facts));
  return plan::Encode(plan);
}

Status Containers::StartExec(const std::string& exec_id, const apitypes::ExecStart& start, const TakeConnection& take) {
  ExecRecord exec = TRY(GetExec(exec_id));
  const ContainerPtr container = TRY(Get(exec.container_id));
  const auto link = TRY(RunningLink(container, ""));
  if (container->data.Lock()->state.phase == Phase::kPaused) {
    return Error(Code::kConflict, "Container " + container->id + " is paused");
  }
  monitorapi::Exec request;
  request.plan = TRY(ExecPlan(container, exec));
  {
    auto execs = execs_.Lock();
    const auto found = execs->find(exec_id);
    if (found == execs->end()) return NoSuchExec(exec_id);
    ExecRecord& stored = found->second;
    if (stored.started) return Error(Code::kConflict, "exec " + exec_id + " has already run");
    stored.started = true;
    stored.running = true;
    exec = stored;
  }
  TRY(SaveExec(exec));
  request.exec_id = exec_id;
  request.detach = start.detach;
  request.tty = exec.create.tty;
  request.in = exec.create.attach_stdin;
  request.out = exec.create.attach_stdout;
  request.err = exec.create.attach_stderr;
  request.detach_keys = exec.create.detach_keys;
  const auto& size = start.console_size.size() == 2 ? start.console_size : exec.create.console_size;
  if (size.size() == 2) {
    request.rows = static_cast<std::uint16_t>(size[0]);
    request.columns = static_cast<std::uint16_t>(size[1]);
  }
  Connection connection;
  std::vector<int> fds;
  if (!start.detach) {
    connection = TRY(take(exec.create.tty));
    request.leftover = std::move(connection.leftover);
    fds.push_back(connection.fd.get());
  }
  Publish(container, "exec_start: " + Join(exec.create.cmd, " "), {{"execID", exec_id}});
  auto answer = link->Call(request, fds, kPatience);
  if (!answer.ok()) {
    // The monitor has told the connection; its notice with 126 or 127 ends the exec, unless it has died itself.
    if (answer.error().code() == Code::kUnavailable) EndExec(exec_id, 137, Now());
    return start.detach ? Status(std::move(answer).error()) : Ok();
  }
  auto started = answer.value().Decode<monitorapi::ExecStarted>();
  if (!started.ok()) return std::move(started).error();
  auto execs = execs_.Lock();
  if (const auto found = execs->find(exec_id); found != execs->end()) found->second.pid = started.value().pid;
  return Ok();
}

void Containers::EndExec(const std::string& exec_id, std::int32_t code, std::int64_t time) {
  ExecRecord exec;
  {
    auto execs = execs_.Lock();
    const auto found = execs->find(exec_id);
    if (found == execs->end() || found->second.exited) return;
    found->second.running = false;
    found->second.exited = true;
    found->second.exit_code = code;
    found->second.finished_at = time;
    exec = found->second;
  }
  const Status saved = SaveExec(exec);
  if (!saved.ok()) log::Error("record an exec's end", {{"id", exec_id}, {"error", saved.error().Message()}});
  const auto container = Get(exec.container_id);
  if (container.ok()) {
    Publish(container.value(), "exec_die", {{"execID", exec_id}, {"exitCode", std::to_string(code)}});
  }
}

Result<apitypes::ExecInspect> Containers::InspectExec(const std::string& exec_id) {
  const ExecRecord exec = TRY(GetExec(exec_id));
  apitypes::ExecInspect inspect;
  inspect.id = exec.id;
  inspect.running = exec.running;
  if (exec.exited) inspect.exit_code = exec.exit_code;
  inspect.tty = exec.create.tty;
  inspect.entrypoint = exec.create.cmd.front();
  inspect.arguments = {exec.create.cmd.begin() + 1, exec.create.cmd.end()};
  inspect.privileged = exec.create.privileged;
  inspect.user = exec.create.user;
  inspect.open_stdin = exec.create.attach_stdin;
  inspect.open_stdout = exec.create.attach_stdout;
  inspect.open_stderr = exec.create.attach_stderr;
  inspect.can_remove = exec.exited;
  inspect.container_id = exec.container_id;
  inspect.detach_keys = exec.create.detach_keys;
  inspect.pid = exec.pid;
  return inspect;
}

Status Containers::ResizeExec(const std::string& exec_id, std::uint16_t rows, std::uint16_t columns) {
  const ExecRecord exec = TRY(GetExec(exec_id));
  const ContainerPtr container = TRY(Get(exec.container_id));
  const auto link = TRY(RunningLink(container, ""));
  monitorapi::Resize resize;
  resize.exec_id = exec_id;
  resize.rows = rows;
  resize.columns = columns;
  TRY(link->Call(resize, {}, kPatience));
  return Ok();
}

}  // namespace estiba::engine
