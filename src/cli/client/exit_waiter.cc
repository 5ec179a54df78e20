#include "client/exit_waiter.h"

#include <cerrno>
#include <chrono>
#include <ctime>

#include "command.h"

namespace estiba::cli {
namespace {

// An engine that dies again and again is not worth a loop without end.
constexpr int kMaxAttempts = 20;
constexpr int kEngineError = 125;
// An engine that we do not start ourselves comes back when somebody else has started it.
constexpr std::chrono::seconds kPatience{30};
constexpr timespec kPause{0, 100'000'000};

}  // namespace

Result<ExitWaiter> ExitWaiter::Begin(Api* api, std::string id, bool removed, std::string_view condition) {
  ExitWaiter waiter(api, std::move(id), removed);
  TRY(waiter.Ask(removed ? "removed" : condition));
  return waiter;
}

Status ExitWaiter::Ask(std::string_view condition) {
  http::Request request;
  request.method = "POST";
  http::Query query;
  query.Add("condition", std::string(condition));
  request.target = ContainerPath(id_, "wait") + "?" + query.Encode();
  stream_ = TRY(api_->Open(request));
  return Ok();
}

// The container has been started by now: "next-exit" would miss an exit that happened while no engine ran.
Status ExitWaiter::AskAgain() {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (++attempts_ <= kMaxAttempts) {
    Status asked = Ask(removed_ ? "removed" : "not-running");
    while (!asked.ok() && asked.error().code() == Code::kUnavailable && !api_->endpoint().ours &&
           std::chrono::steady_clock::now() < deadline) {
      ::nanosleep(&kPause, nullptr);
      asked = Ask(removed_ ? "removed" : "not-running");
    }
    // An engine that is being killed still takes connections, for a moment, and drops them.
    if (asked.ok() || asked.error().errnum() != ECONNRESET) return asked;
  }
  return Error(Code::kUnavailable, "wait for container '" + id_ + "': the engine ended " +
                                       std::to_string(kMaxAttempts) + " times");
}

std::optional<int> ExitWaiter::ReadAnswer() {
  const auto body = stream_->ReadAll();
  if (!body.ok()) return std::nullopt;
  const auto json = codec::ParseJson(*body);
  if (!json.ok()) return std::nullopt;
  const int code = static_cast<int>(json->GetInt("StatusCode"));
  const auto* error = json->FindPath({"Error", "Message"});
  if (error != nullptr && error->IfString() != nullptr && !error->IfString()->empty()) {
    PrintError("Error waiting for container: " + *error->IfString());
    return code != 0 ? code : kEngineError;  // "monitor died" comes with 137
  }
  return code;
}

int ExitWaiter::fd() const { return result_ || stream_ == nullptr ? -1 : stream_->fd(); }

void ExitWaiter::Advance() {
  if (result_) return;
  if (const auto code = ReadAnswer()) {
    result_.emplace(*code);
  } else if (auto asked = AskAgain(); !asked.ok()) {
    result_.emplace(std::move(asked).error());
  }
}

Result<int> ExitWaiter::Finish() {
  while (!result_) Advance();
  return std::move(*result_);
}

}  // namespace estiba::cli
