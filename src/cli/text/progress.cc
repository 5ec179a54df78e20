#include "text/progress.h"

#include <algorithm>

#include "os/file.h"
#include "text/escape.h"
#include "text/units.h"

namespace estiba::cli {
namespace {

constexpr std::size_t kBarWidth = 50;
constexpr std::size_t kMinColumnsForBar = 110;

std::string Bar(std::int64_t current, std::int64_t total) {
  const auto percent = static_cast<std::size_t>(std::min<std::int64_t>(current * 100 / total, 100));
  const std::size_t done = percent / 2;
  return "[" + std::string(done, '=') + ">" + std::string(kBarWidth - done, ' ') + "] ";
}

std::string PadLeft(std::string text, std::size_t width) {
  return text.size() < width ? std::string(width - text.size(), ' ') + text : text;
}

}  // namespace

std::string ProgressBar(const codec::Json& detail, std::size_t columns) {
  const std::int64_t current = detail.GetInt("current");
  const std::int64_t total = detail.GetInt("total");
  if (current <= 0 && total <= 0) return "";
  const std::string so_far = HumanSize(static_cast<double>(current));
  if (total <= 0 || current > total) return PadLeft(so_far, 8);
  const std::string numbers = PadLeft(so_far, 8) + "/" + HumanSize(static_cast<double>(total));
  return columns > kMinColumnsForBar ? Bar(current, total) + numbers : numbers;
}

Status ProgressView::ShowBar(const std::string& id, const std::string& text) {
  auto line = std::find(lines_.begin(), lines_.end(), id);
  if (line == lines_.end()) {
    TRY(os::WriteAll(fd_, "\n"));
    lines_.push_back(id);
    line = lines_.end() - 1;
  }
  const auto up = lines_.end() - line;
  // The line's end moves down by one; a move by none must not be written, for terminals take 0 for 1.
  const std::string down = up == 1 ? "" : "\x1b[" + std::to_string(up - 1) + "B";
  return os::WriteAll(fd_, "\x1b[" + std::to_string(up) + "A\x1b[2K\r" + text + "\n" + down + "\r");
}

Status ProgressView::Show(const codec::Json& message) {
  if (const auto* error = message.FindPath({"errorDetail", "message"});
      error != nullptr && error->IfString() != nullptr)
    return Error(Code::kUnknown, *error->IfString());
  if (const std::string error = message.GetString("error"); !error.empty())
    return Error(Code::kUnknown, error);
  const bool terminal = columns_ > 0;
  if (const std::string stream = message.GetString("stream"); !stream.empty())
    return os::WriteAll(fd_, terminal ? EscapeControls(stream) : stream);
  const std::string id = message.GetString("id");
  const codec::Json* detail = message.Find("progressDetail");
  const std::string bar = detail == nullptr ? "" : ProgressBar(*detail, columns_);
  if (!terminal && !bar.empty()) return Ok();  // a log wants events, not every step of a counter
  std::string text = id.empty() ? "" : id + ": ";
  text += message.GetString("status");
  if (!bar.empty()) text += " " + bar;
  if (text.empty()) return Ok();
  if (terminal) text = EscapeControls(text);
  const bool layer = terminal && !id.empty() && detail != nullptr;
  return layer ? ShowBar(id, text) : os::WriteAll(fd_, text + "\n");
}

}  // namespace estiba::cli
