// Who else is told of a container's state: hooks in the runtime's own namespaces (prestart, createRuntime, poststart,
// poststop) and the agent of a seccomp listener.

#include <chrono>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <sys/socket.h>

#include "os/event.h"
#include "os/memfd.h"
#include "os/socket.h"
#include "session.h"

namespace estiba::runtime {
namespace {

// False when it still runs.
bool WaitForEnd(const os::Process& process, std::uint64_t timeout_ms) {
  std::optional<std::chrono::milliseconds> patience;
  if (timeout_ms != 0) patience.emplace(timeout_ms);
  const auto ended = os::WaitReadable(process.pidfd(), patience);
  return ended.ok() && *ended;
}

std::vector<std::string> EnvironmentOf(const std::string& blob) {
  std::vector<std::string> env;
  for (std::size_t at = 0; at < blob.size();) {
    env.emplace_back(blob.data() + at);
    at += env.back().size() + 1;
  }
  return env;
}

}  // namespace

std::string StateDocument(const plan::Plan& plan, const char* status, pid_t pid) {
  std::string text = plan.state_json_head + ",\"status\":\"" + status + "\"";
  if (pid > 0) text += ",\"pid\":" + std::to_string(pid);
  return text + plan.state_json_tail;
}

Status SendListener(const Session& session, const plan::Step& step, int listener) {
  const bool exec = session.plan.kind == plan::Kind::kExec;
  const pid_t init = exec ? session.init : session.child.pid();
  const std::string document = step.text.at(1) + ",\"pid\":" + std::to_string(session.child.pid()) + step.text.at(2) +
                               ",\"state\":" + StateDocument(session.plan, exec ? "running" : "creating", init) + "}";
  const os::UniqueFd agent = TRY(os::ConnectUnix(step.text.at(0), SOCK_STREAM));
  return os::SendMessage(agent.get(), document, {listener});
}

Status RunHook(const plan::Plan& plan, const plan::Step& step, const char* status, pid_t pid) {
  const std::string document = StateDocument(plan, status, pid);
  auto stdin_file = TRY(os::MakeSealedMemfd("state", document));
  os::SpawnOptions options;
  options.program = step.text.at(0);
  options.argv.assign(step.text.begin() + 1, step.text.end());
  options.env = EnvironmentOf(step.blob);
  options.fds = {{stdin_file.get(), 0}};
  const std::string what = HookText(step);
  auto process = TRY_CTX(os::Spawn(options), step.why);
  if (!WaitForEnd(process, step.numbers.at(0))) return Error(Code::kDeadlineExceeded, what + "took too long");
  const os::ExitStatus end = TRY_CTX(process.Wait(), step.why);
  if (end.ToShell() == 0) return Ok();
  if (end.signal != 0) return Error(Code::kInternal, what + "signal " + std::to_string(end.signal));
  return Error(Code::kInternal, what + "exit status " + std::to_string(end.code));
}

}  // namespace estiba::runtime
