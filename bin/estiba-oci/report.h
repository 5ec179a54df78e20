#pragma once
// What the program says besides its output: on stderr, and in the file of --log, as text or one JSON object a line.
// Engines take the last object with level "error" for the reason of a failure.

#include <string>
#include <string_view>

#include "base/result.h"
#include "os/fd.h"

namespace estiba::ocicli {

class Reporter {
 public:
  // `path` empty: stderr only. `format` is "text" or "json".
  static Result<Reporter> Open(const std::string& path, const std::string& format, bool debug);

  void Failure(const Error& error) const;
  void Warning(std::string_view message) const;
  void Debug(std::string_view message) const;
  bool debug() const { return debug_; }

 private:
  void Write(std::string_view level, std::string_view message) const;
  os::UniqueFd file_;  // invalid: stderr
  bool json_ = false;
  bool debug_ = false;
};

// One object of the log: {"level":…,"msg":…,"time":…}.
std::string LogObject(std::string_view level, std::string_view message, std::string_view time);

}  // namespace estiba::ocicli
