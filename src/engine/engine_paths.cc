// Paths of containers as archives: HEAD, GET and PUT /containers/{id}/archive.

#include <chrono>
#include <condition_variable>

#include "base/log.h"
#include "engine_impl.h"

namespace estiba::engine {
namespace {

constexpr std::chrono::seconds kPatience{60};

// What a transfer answers before its archive, or why it failed before that.
class FirstAnswer {
 public:
  void Tell(std::string_view line) {
    const std::lock_guard lock(mutex_);
    if (!answer_.has_value()) answer_.emplace(std::string(line));
    changed_.notify_all();
  }
  // Whether that is the answer.
  bool End(const Status& status) {
    const std::lock_guard lock(mutex_);
    if (answer_.has_value()) return false;
    if (status.ok()) {
      answer_.emplace(Error(Code::kInternal, "the transfer has told nothing of the path"));
    } else {
      answer_.emplace(status.error().Clone());
    }
    changed_.notify_all();
    return true;
  }
  // A file system of the container's own making may never answer.
  Result<std::string> Await(const std::string& path) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, kPatience, [this] { return answer_.has_value(); }))
      return Error(Code::kDeadlineExceeded, "the file system at '" + path + "' does not answer");
    if (!answer_->ok()) return answer_->error().Clone();
    return answer_->value();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Result<std::string>> answer_;
};

}  // namespace

Result<EngineImpl::PathTransfer> EngineImpl::TransferOf(image::JobKind kind, const std::string& id,
                                                        const std::string& path) {
  Containers::View view = TRY(containers_->ViewOf(id, kind == image::JobKind::kPutPath));
  PathTransfer transfer;
  transfer.job.kind = kind;
  transfer.job.user_xattrs = config()->rootless;
  transfer.job.container = std::move(view.container);
  transfer.job.path = std::move(view.path);
  transfer.job.path.container = id;
  transfer.job.path.path = path;
  transfer.root = std::move(view.root);
  transfer.user = std::move(view.user);
  transfer.hold = std::move(view.hold);
  return transfer;
}

Result<std::string> EngineImpl::StatContainerPath(const std::string& id, const std::string& path) {
  PathTransfer transfer = TRY(TransferOf(image::JobKind::kStatPath, id, path));
  const auto answer = std::make_shared<FirstAnswer>();
  ProgressCallbacks callbacks;
  callbacks.line = [answer](std::string_view line) { answer->Tell(line); };
  callbacks.done = [answer](const Status& status) { answer->End(status); };
  const Token token = TRY(
      transfers_->Start("", std::move(transfer.job), {{}, std::move(transfer.root)}, std::move(callbacks)));
  auto told = answer->Await(path);
  if (!told.ok()) Cancel(token);
  return told;
}

Result<PathArchive> EngineImpl::TakeContainerPath(const std::string& id, const std::string& path, bool gzip) {
  PathTransfer transfer = TRY(TransferOf(image::JobKind::kTakePath, id, path));
  transfer.job.path.gzip = gzip;
  const auto answer = std::make_shared<FirstAnswer>();
  PathArchive out;
  Token token = 0;
  out.stream = TRY(StreamOut(std::move(transfer.job), "copy from a container", {}, std::move(transfer.root),
                             [answer](std::string_view line) { answer->Tell(line); },
                             [answer](const Status& status) { return answer->End(status); }, &token));
  auto told = answer->Await(path);
  if (!told.ok()) Cancel(token);
  out.stat = TRY(std::move(told));
  containers_->TellCopied(id, "archive-path");
  return out;
}

Result<Token> EngineImpl::PutContainerPath(const PutRequest& request, os::UniqueFd archive, Done done) {
  PathTransfer transfer = TRY(TransferOf(image::JobKind::kPutPath, request.container, request.path));
  transfer.job.path.keep_kinds = request.keep_kinds;
  // As docker: without a user of its own, as the archive says.
  if (request.to_user) transfer.job.path.owner = transfer.user;
  ProgressCallbacks callbacks;
  callbacks.line = [](std::string_view) {};
  callbacks.done = [this, id = request.container, hold = std::move(transfer.hold), done](Status status) mutable {
    hold.reset();
    if (status.ok()) containers_->TellCopied(id, "extract-to-dir");
    done(std::move(status));
  };
  return transfers_->Start("", std::move(transfer.job), {std::move(archive), std::move(transfer.root)},
                           std::move(callbacks));
}

}  // namespace estiba::engine
