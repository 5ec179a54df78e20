#include "report.h"

#include <fcntl.h>

#include "base/clock.h"
#include "codec/json.h"
#include "os/file.h"

namespace estiba::ocicli {
namespace {

// Without the fraction, as logrus writes it.
std::string Now() {
  const auto now = std::chrono::floor<std::chrono::seconds>(WallNow());
  return FormatRfc3339(now);
}

// There is nowhere left to report a failure of reporting to.
void Print(int fd, const std::string& text) {
  if (!os::WriteAll(fd, text).ok()) return;
}

}  // namespace

std::string LogObject(std::string_view level, std::string_view message, std::string_view time) {
  return codec::Json::MakeObject({{"level", level}, {"msg", message}, {"time", time}}).Dump() + "\n";
}

Result<Reporter> Reporter::Open(const std::string& path, const std::string& format, bool debug) {
  Reporter reporter;
  if (!format.empty() && format != "text" && format != "json")
    return Error(Code::kInvalidArgument, "invalid log-format: '" + format + "'");
  reporter.json_ = format == "json";
  reporter.debug_ = debug;
  if (!path.empty())
    reporter.file_ = TRY_CTX(os::OpenAt({AT_FDCWD}, path, O_WRONLY | O_CREAT | O_APPEND, 0644), "open log");
  return reporter;
}

void Reporter::Write(std::string_view level, std::string_view message) const {
  const int fd = file_.valid() ? file_.get() : 2;
  if (json_) return Print(fd, LogObject(level, message, Now()));
  Print(fd, "time=\"" + Now() + "\" level=" + std::string(level) + " msg=" + codec::QuoteJson(message) + "\n");
}

void Reporter::Failure(const Error& error) const {
  Write("error", error.Message());
  if (file_.valid()) Print(2, error.ToString() + "\n");
  if (!file_.valid() && !error.hint().empty()) Print(2, "hint: " + error.hint() + "\n");
}

void Reporter::Warning(std::string_view message) const { Write("warning", message); }

void Reporter::Debug(std::string_view message) const {
  if (debug_) Write("debug", message);
}

}  // namespace estiba::ocicli
