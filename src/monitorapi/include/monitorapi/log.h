#pragma once
// A container's log: files `log` (current), `log.1`, `log.2`… (older) in its folder. A line of text an entry,
// as kubelet's CRI logs: "2026-01-02T03:04:05.123456789Z stdout F text\n". F: the text ended in a newline; P:
// it goes on in the stream's next entry, or the stream ended there.

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "monitorapi/messages.h"
#include "os/fd.h"

namespace estiba::monitorapi {

// stdcopy's numbers.
enum class Stream : std::uint8_t { kIn = 0, kOut = 1, kErr = 2, kSystem = 3 };

inline constexpr char kLogName[] = "log";
inline constexpr std::size_t kLogPrefix = 40;  // "2026-01-02T03:04:05.123456789Z stdout F "
inline constexpr std::size_t kLogTime = 30;    // the time in it
inline constexpr std::size_t kMaxLogText = 16U
                                           << 10;  // longer lines are cut into P entries, as docker cuts them

// The eight bytes before `length` bytes of a stream on a connection that is not a terminal's.
void AppendStdcopyHeader(std::string& out, Stream stream, std::uint32_t length);
// An HTTP chunk around `bytes`, which are not empty; kLastChunk ends the body.
void AppendChunk(std::string& out, std::string_view bytes);
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

// "2026-01-02T03:04:05.123456789Z": always nine digits, so that times compare as text.
std::string FormatLogTime(std::int64_t nanoseconds);

struct LogEntry {
  Stream stream = Stream::kOut;
  bool partial = false;
  std::string_view time;
  std::string_view text;  // without the newline
};
void AppendLogEntry(std::string& out, std::string_view time, Stream stream, bool partial,
                    std::string_view text);
// The entry at the start of `bytes`, which hold a whole line without its newline; false when it is none
// (damaged).
bool ParseLogEntry(std::string_view line, LogEntry* entry);

// Turns entries into what a client of `logs` reads. Pure.
class LogFormatter {
 public:
  explicit LogFormatter(const LogOptions& options);
  // Appends nothing for an entry that the options leave out.
  void Append(std::string& out, const LogEntry& entry);
  // Leaves out the next bytes of a stream's text: the client has them already.
  void Skip(Stream stream, std::size_t bytes) { skip_[static_cast<std::size_t>(stream)] += bytes; }
  // `text`, which no entry holds yet, without what is still to be left out.
  std::string_view Unskipped(Stream stream, std::string_view text) const;
  // An entry later than `until` has been seen.
  bool Ended() const { return ended_; }

 private:
  LogOptions options_;
  std::string since_, until_;
  bool in_line_[4] = {false, false, false, false};  // the stream's last entry was partial
  std::size_t skip_[4] = {0, 0, 0, 0};
  bool ended_ = false;
};

// Reads a container's log files, oldest first, from the entry that the options' tail asks for.
class LogReader {
 public:
  // `size_limit` of each Read() bounds memory; files that appear later (rotation) are added by their writer.
  static Result<LogReader> Open(os::DirFd container_dir, const LogOptions& options);
  // Appends formatted entries to `out` until it holds at least `limit` bytes or the files end. False: at the
  // end (of what there is now; call again after more was written).
  Result<bool> Read(std::string& out, std::size_t limit);
  bool Ended() const { return formatter_.Ended(); }
  LogFormatter& formatter() { return formatter_; }
  // The writer started a new current file; what is left of the old one is read first. False: too far behind.
  bool Rotated(os::UniqueFd new_file);

 private:
  LogReader(const LogOptions& options, std::deque<os::UniqueFd> files);
  Status SkipToTail(std::uint64_t lines);

  LogFormatter formatter_;
  std::deque<os::UniqueFd> files_;
  std::int64_t offset_ = 0;  // in files_.front()
};

}  // namespace estiba::monitorapi
