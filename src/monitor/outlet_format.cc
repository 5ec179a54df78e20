#include "outlet_format.h"

#include <array>
#include <cstdio>
#include <ctime>

namespace estiba::monitor {
namespace {

using monitorapi::SyslogFormat;

constexpr std::int64_t kBillion = 1'000'000'000;
constexpr int kError = 3;  // syslog(3)'s levels
constexpr int kInformation = 6;

int LevelOf(const OutletEntry& entry) {
  return entry.stream == monitorapi::Stream::kErr ? kError : kInformation;
}

// "Jan  2 15:04:05", the host's time; RFC 3164 has English names.
std::string Stamp(std::int64_t time) {
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t seconds = time / kBillion;
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  std::array<char, 64> text;
  const int n = std::snprintf(text.data(), text.size(), "%s %2d %02d:%02d:%02d", kMonths[parts.tm_mon],
                              parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
  return {text.data(), static_cast<std::size_t>(n)};
}

// "2026-01-02T15:04:05Z", with six digits more where they are asked for.
std::string Rfc3339(std::int64_t time, bool micro) {
  std::string text = monitorapi::FormatLogTime(time);
  constexpr std::size_t kSeconds = 19;
  constexpr std::size_t kMicro = 26;
  text.resize(micro ? kMicro : kSeconds);
  return text + "Z";
}

}  // namespace

std::string JournalMessage(const monitorapi::LogOutlet& outlet, const OutletEntry& entry) {
  std::string message = outlet.fields;
  message += "PRIORITY=" + std::to_string(LevelOf(entry)) + "\n";
  message += "SYSLOG_TIMESTAMP=" + monitorapi::FormatLogTime(entry.time) + "\n";
  if (entry.partial) message += "CONTAINER_PARTIAL_MESSAGE=true\n";
  message += "MESSAGE=";
  message += entry.text;  // a line: it has no newline
  message += '\n';
  return message;
}

std::string SyslogMessage(const monitorapi::LogOutlet& outlet, const OutletEntry& entry, int pid) {
  const std::string number = std::to_string(pid);
  std::string message = "<" + std::to_string(outlet.facility * 8 + LevelOf(entry)) + ">";
  switch (outlet.format) {
    case SyslogFormat::kUnix: message += Stamp(entry.time) + " " + outlet.tag + "[" + number + "]: "; break;
    case SyslogFormat::kRfc3164:
      message += Stamp(entry.time) + " " + outlet.host + " " + outlet.tag + "[" + number + "]: ";
      break;
    case SyslogFormat::kRfc5424:
    case SyslogFormat::kRfc5424Micro:
      message += "1 " + Rfc3339(entry.time, outlet.format == SyslogFormat::kRfc5424Micro) + " " +
                 outlet.host + " " + outlet.tag + " " + number + " " + outlet.tag + " - ";
      break;
  }
  message += entry.text;
  message += '\n';
  return message;
}

}  // namespace estiba::monitor
