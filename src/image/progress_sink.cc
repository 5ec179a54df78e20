#include "progress_sink.h"

namespace estiba::image {

void Reporter::Finding(const std::string& kind, const std::string& id, const std::string& what) {
  TransferEvent event;
  event.kind = EventKind::kFinding;
  event.id = id;
  event.status = kind;
  event.message = what;
  Send(event);
}

void Reporter::Answer(const std::string& text) {
  TransferEvent event;
  event.kind = EventKind::kAnswer;
  event.answer = text;
  Send(event);
}

void Reporter::Send(const TransferEvent& event) {
  const std::lock_guard lock(mutex_);
  sink_(event);
}

void Reporter::Say(const std::string& id, const std::string& status, std::uint64_t current, std::uint64_t total) {
  if (quiet_) return;
  TransferEvent event;
  event.id = id;
  event.status = status;
  event.current = current;
  event.total = total;
  Send(event);
}

void Reporter::Stream(const std::string& text) {
  TransferEvent event;
  event.stream = text;
  Send(event);
}

void Reporter::Image(const LoadedImage& image) {
  TransferEvent event;
  event.kind = EventKind::kImage;
  event.image = image;
  Send(event);
}

void Reporter::Pushed(const PushedTag& pushed) {
  TransferEvent event;
  event.kind = EventKind::kPushed;
  event.pushed = pushed;
  Send(event);
}

void Counter::Set(std::uint64_t current) {
  constexpr std::chrono::milliseconds kInterval{100};
  current_ = current;
  const auto now = std::chrono::steady_clock::now();
  if (now < next_ && current_ != total_) return;
  next_ = now + kInterval;
  reporter_.Say(id_, status_, current_, total_);
}

std::string ShortId(const std::string& digest) {
  const std::size_t colon = digest.find(':');
  return digest.substr(colon == std::string::npos ? 0 : colon + 1, 12);
}

}  // namespace estiba::image
