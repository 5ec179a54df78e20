#pragma once
// The process's own log: one line an event, "time level message key=value". Libraries return errors; only the
// engine, the monitor's loop and the programs log. Log or return, never both.

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace estiba::log {

enum class Level : unsigned char { kDebug, kInfo, kWarn, kError };

// Keys and values; values are quoted when they hold a blank, a quote or a control character.
using Fields = std::initializer_list<std::pair<std::string_view, std::string_view>>;

// Where lines go and which. The descriptor is borrowed; -1 drops everything (the default is 2, stderr).
void Configure(int fd, Level level);
Level CurrentLevel();
void Write(Level level, std::string_view message, Fields fields = {});

inline void Debug(std::string_view message, Fields fields = {}) { Write(Level::kDebug, message, fields); }
inline void Info(std::string_view message, Fields fields = {}) { Write(Level::kInfo, message, fields); }
inline void Warn(std::string_view message, Fields fields = {}) { Write(Level::kWarn, message, fields); }
inline void Error(std::string_view message, Fields fields = {}) { Write(Level::kError, message, fields); }

}  // namespace estiba::log
