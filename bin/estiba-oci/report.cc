#include "report.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include "base/clock.h"
#include "codec/json.h"
#include "os/file.h"
#include "os/socket.h"

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
  if (path.empty()) return reporter;
  const std::size_t colon = path.find(':');
  const std::string kind = colon == std::string::npos ? "file" : path.substr(0, colon);
  if (kind == "journald" || kind == "syslog") {
    reporter.to_ = kind == "journald" ? To::kJournal : To::kSyslog;
    reporter.name_ = path.size() > colon + 1 ? path.substr(colon + 1) : "estiba-oci";
    reporter.file_ = TRY_CTX(
        os::ConnectUnix(kind == "journald" ? "/run/systemd/journal/socket" : "/dev/log", SOCK_DGRAM), "open log");
    return reporter;
  }
  const std::string file = path.starts_with("file:") ? path.substr(colon + 1) : path;
  reporter.file_ = TRY_CTX(os::OpenAt({AT_FDCWD}, file, O_WRONLY | O_CREAT | O_APPEND, 0644), "open log");
  return reporter;
}

// The system keeps the time, and has priorities of its own (syslog(3)).
void Reporter::WriteToSystem(std::string_view level, std::string_view message) const {
  const int priority = level == "error" ? LOG_ERR : level == "warning" ? LOG_WARNING : LOG_DEBUG;
  const std::string text = json_ ? LogObject(level, message, Now()) : std::string(message);
  if (to_ == To::kSyslog) {
    Print(file_.get(), "<" + std::to_string(LOG_USER | priority) + ">" + name_ + "[" + std::to_string(::getpid()) +
                           "]: " + text);
    return;
  }
  // A field with its size in front may hold line ends (systemd, "Native Journal Protocol").
  const std::uint64_t size = text.size();
  std::string fields = "PRIORITY=" + std::to_string(priority) + "\nSYSLOG_IDENTIFIER=" + name_ + "\nMESSAGE\n";
  fields.append(reinterpret_cast<const char*>(&size), sizeof size);  // little-endian, as all machines of ours are
  Print(file_.get(), fields + text + "\n");
}

void Reporter::Write(std::string_view level, std::string_view message) const {
  if (to_ != To::kFile) return WriteToSystem(level, message);
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
