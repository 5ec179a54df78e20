#include "progress.h"

#include <mutex>

#include "apitypes/image.h"

namespace estiba::api::docker {
namespace {

// Progress lines as they come. As Docker, the first ("Pulling from …") waits for the second: what fails
// before that is the answer's status, later a line of its own.
class ProgressAnswer {
 public:
  explicit ProgressAnswer(ExchangePtr exchange) : exchange_(std::move(exchange)) {}

  void Line(std::string_view line) {
    const std::lock_guard lock(mutex_);
    if (!begun_ && held_.empty()) {
      held_ = line;
      return;
    }
    Begin();
    exchange_->Write(line);
  }

  void Done(const Status& status) {
    const std::lock_guard lock(mutex_);
    if (!status.ok() && !begun_) return RespondError(*exchange_, status.error());
    Begin();
    if (!status.ok()) {
      apitypes::Progress progress;
      progress.error = status.error().ToString();
      exchange_->Write(progress.ToJson().Dump() + "\r\n");
    }
    exchange_->Finish();
  }

 private:
  void Begin() {
    if (begun_) return;
    begun_ = true;
    exchange_->StartStream(200, {{"Content-Type", "application/json"}});
    exchange_->Write(held_);
  }

  const ExchangePtr exchange_;
  std::mutex mutex_;
  bool begun_ = false;
  std::string held_;
};

}  // namespace

engine::ProgressCallbacks ProgressTo(const ExchangePtr& exchange) {
  const auto answer = std::make_shared<ProgressAnswer>(exchange);
  engine::ProgressCallbacks callbacks;
  callbacks.line = [answer](std::string_view line) { answer->Line(line); };
  callbacks.done = [answer](const Status& status) { answer->Done(status); };
  return callbacks;
}

}  // namespace estiba::api::docker
