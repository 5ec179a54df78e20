#include "criu/client.h"

#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <unistd.h>

#include "os/socket.h"

namespace estiba::criu {
namespace {

constexpr int kConversation = 3;
constexpr std::size_t kLongestReply = 64 * 1024;

std::vector<std::string> Environment() {
  std::vector<std::string> env;
  for (char** variable = environ; *variable != nullptr; ++variable) env.emplace_back(*variable);
  return env;
}

Error Refused(const Reply& reply) {
  std::string what = "CRIU's " + std::string(TypeName(reply.type)) + " failed";
  if (reply.error > 0) what += " (errno " + std::to_string(reply.error) + ")";
  return Error(Code::kInternal, std::move(what));
}

}  // namespace

Result<std::string> FindProgram() {
  auto found = os::FindProgram("criu");
  if (found.ok()) return found;
  return std::move(found).error().Hint("install CRIU, version 3.15 or later (Debian: the package 'criu')");
}

Result<Worker> Worker::Start(const std::string& program, const std::vector<std::pair<int, int>>& fds) {
  auto pair = TRY(os::MakeSocketPair(SOCK_SEQPACKET));
  os::SpawnOptions spawn;
  spawn.program = program;
  spawn.argv = {"criu", "swrk", std::to_string(kConversation)};
  spawn.env = Environment();
  spawn.fds = fds;
  spawn.fds.emplace_back(pair.theirs.get(), kConversation);
  Worker worker;
  worker.process_ = TRY(os::Spawn(spawn));
  worker.socket_ = std::move(pair.ours);
  return worker;
}

Result<Reply> Worker::Ask(const Request& request, const Notify& notify) {
  TRY_CTX(os::SendMessage(socket_.get(), Encode(request)), "ask CRIU");
  for (;;) {
    os::Message message = TRY_CTX(os::ReceiveMessage(socket_.get(), kLongestReply), "hear from CRIU");
    if (message.bytes.empty()) return Error(Code::kUnavailable, "CRIU ended without an answer");
    const Reply reply = TRY(Decode(message.bytes));
    if (!reply.success) return Refused(reply);
    if (reply.type != Type::kNotify) return reply;
    os::UniqueFd fd = message.fds.empty() ? os::UniqueFd() : std::move(message.fds.front());
    Status done = notify ? notify(reply, std::move(fd)) : Ok();
    Request answer;
    answer.type = Type::kNotify;
    answer.notify_success = done.ok();
    const Status sent = os::SendMessage(socket_.get(), Encode(answer));
    if (!done.ok()) {
      // CRIU cleans up before it says that it failed, for this reason: not news.
      (void)os::ReceiveMessage(socket_.get(), kLongestReply).ok();
      return std::move(done).error().Context(reply.script);
    }
    TRY_CTX(Status(sent.ok() ? Ok() : sent.error().Clone()), "answer CRIU");
  }
}

Status Worker::Finish() {
  socket_.Reset();
  const os::ExitStatus end = TRY(process_.Wait());
  if (end.ToShell() == 0) return Ok();
  return Error(Code::kInternal, "CRIU ended with exit code " + std::to_string(end.ToShell()));
}

Result<Version> AskVersion(const std::string& program) {
  Worker worker = TRY(Worker::Start(program));
  Request request;
  request.type = Type::kVersion;
  const Reply reply = TRY_CTX(worker.Ask(request), "ask '" + program + "' for its version");
  if (!reply.version) return Error(Code::kDataLoss, "ask '" + program + "' for its version: it tells none");
  return *reply.version;
}

Result<Features> AskFeatures(const std::string& program, const Features& about) {
  Worker worker = TRY(Worker::Start(program));
  Request request;
  request.type = Type::kFeatureCheck;
  request.features = about;
  const Reply reply = TRY_CTX(worker.Ask(request), "ask '" + program + "' what it can do");
  return reply.features;
}

}  // namespace estiba::criu
