// Who else is told of a container's state: hooks in the runtime's own namespaces (prestart, createRuntime, poststart,
// poststop) and the agent of a seccomp listener.

#include <chrono>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
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

std::string EndText(int code, int signal) {
  if (signal == 0) return "exit status " + std::to_string(code);
  std::string name = ::strsignal(signal);
  if (name.size() > 1 && name[1] >= 'a') name[0] = static_cast<char>(name[0] | 0x20);
  return "signal: " + name;
}

std::string WhatWasSaid(int output) {
  std::string text(4096, '\0');
  const ssize_t size = output < 0 ? 0 : ::pread(output, text.data(), text.size(), 0);
  text.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  // One line, and nothing that a terminal would obey.
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  const std::string_view words = Trim(text);
  return words.empty() ? std::string() : ", output: " + std::string(words);
}

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
  const os::UniqueFd agent =
      TRY_CTX(os::ConnectUnix(step.text.at(0), SOCK_STREAM), "failed to connect with seccomp agent");  // runc's words
  return os::SendMessage(agent.get(), document, {listener});
}

Status RunHook(const plan::Plan& plan, const plan::Step& step, const char* status, pid_t pid) {
  const std::string document = StateDocument(plan, status, pid);
  auto stdin_file = TRY(os::MakeSealedMemfd("state", document));
  const os::UniqueFd said = TRY(os::MakeMemfd("hook"));
  os::SpawnOptions options;
  options.program = step.text.at(0);
  options.argv.assign(step.text.begin() + 1, step.text.end());
  options.env = EnvironmentOf(step.blob);
  options.fds = {{stdin_file.get(), 0}, {said.get(), 1}, {said.get(), 2}};
  if (!plan.bundle.empty() && ::access(plan.bundle.c_str(), X_OK) == 0) options.cwd = plan.bundle;
  const std::string what = HookText(step);
  auto process = TRY_CTX(os::Spawn(options), step.why);
  if (!WaitForEnd(process, step.numbers.at(0)))
    return Error(Code::kDeadlineExceeded, what + "took too long" + WhatWasSaid(said.get()));
  const os::ExitStatus end = TRY_CTX(process.Wait(), step.why);
  if (end.ToShell() == 0) return Ok();
  return Error(Code::kInternal, what + EndText(end.code, end.signal) + WhatWasSaid(said.get()));
}

}  // namespace estiba::runtime
