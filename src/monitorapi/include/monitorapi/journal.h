#pragma once
// DATA/containers/ID/journal: what happened to a container, appended by its monitor and by nobody else,
// folded into the store by the engine. A record: length of the rest (4), CRC-32 of the rest (4), seq (8),
// time in ns (8), type (2), fields (tlv.h). Each is one write(2), so kill -9 leaves at most a torn tail,
// which readers end at and the next writer cuts off.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "os/fd.h"

namespace estiba::monitorapi {

enum class RecordType : std::uint16_t {
  kLaunched = 1,    // a monitor took the container: pid and start_time are the monitor's
  kStarted = 2,     // PID 1 runs: pid, start_time, count of restarts
  kExited = 3,      // code, signal, oom, text
  kOom = 4,         // count of kills so far
  kRestarting = 5,  // count, delay_ms
  kRotated = 6,     // the log was rotated
  kFinished = 7,    // nothing is left on the host
  kExecExited = 8,  // text is the exec's id; code
  kPaused = 9,
  kUnpaused = 10,
  kStopping = 11,     // somebody asked for the stop: the restart policy is off
  kHealth = 12,       // text: "starting" (with every start), "healthy", "unhealthy"; only changes
  kStartFailed = 13,  // the plan did not run: text, code (docker's 125, 126, 127)
  kCreated = 14,      // PID 1 is made and waits to be let go: pid, start_time
};

struct Record {
  RecordType type = RecordType::kLaunched;
  std::uint64_t seq = 0;  // 1, 2, 3, …
  std::int64_t time = 0;  // ns since the epoch
  std::int32_t pid = 0;
  std::uint64_t start_time = 0;
  std::int32_t code = 0;
  std::int32_t signal = 0;
  bool oom = false;
  std::uint64_t count = 0;
  std::int64_t delay_ms = 0;
  std::string text;
  template <class V>
  void Fields(V& v) {
    v(1, pid);
    v(2, start_time);
    v(3, code);
    v(4, signal);
    v(5, oom);
    v(6, count);
    v(7, delay_ms);
    v(8, text);
  }
};

inline constexpr char kJournalName[] = "journal";

std::string EncodeRecord(const Record& record);

struct Journal {
  std::vector<Record> records;
  std::uint64_t good = 0;  // bytes of whole records; what follows is a torn tail
};
// Every whole record from the start; stops at the first that is cut short, damaged or out of order.
Journal ParseJournal(std::string_view bytes);
// Empty when there is no journal yet.
Result<Journal> ReadJournal(os::DirFd container_dir);

}  // namespace estiba::monitorapi
