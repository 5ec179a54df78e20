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
  // `path` empty: stderr only; "journald:NAME" and "syslog:NAME" as crun has them: the system's log, under that name
  // (empty: estiba-oci); "file:PATH" is PATH. `format` is "text" or "json".
  static Result<Reporter> Open(const std::string& path, const std::string& format, bool debug);

  void Failure(const Error& error) const;
  void Warning(std::string_view message) const;
  void Debug(std::string_view message) const;
  bool debug() const { return debug_; }

 private:
  void Write(std::string_view level, std::string_view message) const;
  void WriteToSystem(std::string_view level, std::string_view message) const;
  enum class To : unsigned char { kFile, kJournal, kSyslog };
  To to_ = To::kFile;
  std::string name_;   // as which the system's log knows us
  os::UniqueFd file_;  // or socket; invalid: stderr
  bool json_ = false;
  bool debug_ = false;
};

// One object of the log: {"level":…,"msg":…,"time":…}.
std::string LogObject(std::string_view level, std::string_view message, std::string_view time);

}  // namespace estiba::ocicli
