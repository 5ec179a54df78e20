#include "commands/attachment.h"

#include <csignal>
#include <cstring>

#include <unistd.h>

#include "base/text.h"
#include "command.h"
#include "term/detach.h"

namespace estiba::cli {
namespace {

void ForwardSignal(Api* api, const std::string& id, int number) {
  const char* name = ::sigabbrev_np(number);
  http::Query query;
  query.Add("signal", name == nullptr ? std::to_string(number) : std::string(name));
  // It may have ended just now; then there is nobody left to signal.
  (void)api->Post(ContainerPath(id, "kill"), query).ok();
}

}  // namespace

Status CheckInputIsTerminal(bool input, bool tty) {
  if (!input || !tty || IsTerminal(STDIN_FILENO)) return Ok();
  return Error(Code::kInvalidArgument, "the input device is not a TTY");
}

Status CheckDetachKeys(std::string_view keys) {
  if (!keys.empty()) TRY_CTX(ParseDetachKeys(keys), "invalid detach keys (" + std::string(keys) + ")");
  return Ok();
}

int CodeOfStartError(const std::string& message) {
  const std::string lower = ToLower(message);
  const auto says = [&](std::string_view text) { return lower.find(text) != std::string::npos; };
  if (says("executable file not found") || says("no such file or directory")) return 127;
  if (says("permission denied") || says("is a directory")) return 126;
  return 125;
}

void SendSize(Api* api, const std::string& path, WindowSize size) {
  http::Query query;
  query.Add("h", std::to_string(size.rows));
  query.Add("w", std::to_string(size.columns));
  (void)api->Post(path + "/resize", query).ok();
}

Result<http::Upgraded> OpenAttach(Api* api, const AttachOptions& options) {
  http::Query query;
  query.Add("stream", "1");
  if (options.input) query.Add("stdin", "1");
  if (options.output) query.Add("stdout", "1");
  if (options.error) query.Add("stderr", "1");
  if (!options.detach_keys.empty()) query.Add("detachKeys", options.detach_keys);
  http::Request request;
  request.method = "POST";
  request.target = ContainerPath(options.id, "attach") + "?" + query.Encode();
  return api->Upgrade(std::move(request));
}

Result<SessionEnd> RunAttached(Api* api, http::Upgraded connection, const AttachOptions& options,
                               ExitWaiter* waiter) {
  SessionOptions session;
  session.tty = options.tty;
  session.input = options.input;
  session.output = options.output;
  session.error = options.error;
  const std::string_view keys = options.detach_keys.empty() ? kDefaultDetachKeys : options.detach_keys;
  session.detach_keys = TRY(ParseDetachKeys(keys));
  if (options.tty)
    session.resized = [api, path = ContainerPath(options.id)](WindowSize size) { SendSize(api, path, size); };
  if (options.sig_proxy)
    session.signalled = [api, id = options.id](int number) { ForwardSignal(api, id, number); };
  if (waiter != nullptr) {
    session.watch_fd = waiter->fd();
    session.watched = [waiter] {
      waiter->Advance();
      return waiter->fd();
    };
  }
  return RunSession(std::move(connection), std::move(session));
}

}  // namespace estiba::cli
