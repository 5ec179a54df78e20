#include "base/log.h"

#include <atomic>
#include <cstdio>

#include <unistd.h>

#include "base/clock.h"

namespace estiba::log {
namespace {

// The one process-wide sink: a descriptor and a level, set once by main and on a reload.
std::atomic<int> sink_fd{2};
std::atomic<Level> sink_level{Level::kInfo};

bool NeedsQuotes(std::string_view value) {
  for (const char c : value)
    if (c == ' ' || c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return true;
  return value.empty();
}

void AppendEscaped(std::string& line, std::string_view value) {
  for (const char c : value) {
    if (c == '"' || c == '\\') {
      line += '\\';
      line += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      char hex[8];
      std::snprintf(hex, sizeof hex, "\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
      line += hex;
    } else {
      line += c;
    }
  }
}

}  // namespace

void Configure(int fd, Level level) {
  sink_fd = fd;
  sink_level = level;
}

Level CurrentLevel() { return sink_level; }

void Write(Level level, std::string_view message, Fields fields) {
  static constexpr std::string_view kNames[] = {"debug", "info", "warn", "error"};
  const int fd = sink_fd;
  if (level < sink_level || fd < 0) return;
  std::string line = FormatRfc3339(WallNow());
  line += ' ';
  line += kNames[static_cast<unsigned>(level)];
  line += ' ';
  AppendEscaped(line, message);
  for (const auto& [key, value] : fields) {
    line += ' ';
    line += key;
    line += '=';
    if (NeedsQuotes(value)) {
      line += '"';
      AppendEscaped(line, value);
      line += '"';
    } else {
      line += value;
    }
  }
  line += '\n';
  // A log that cannot be written has nobody to tell.
  [[maybe_unused]] const auto written = ::write(fd, line.data(), line.size());
}

}  // namespace estiba::log
