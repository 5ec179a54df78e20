#pragma once

#include "monitorapi/journal.h"
#include "os/fd.h"

namespace estiba::monitor {

// Appends records to a container's journal: the monitor, which holds the container's lock, alone.
class JournalWriter {
 public:
  // Cuts a torn tail off and goes on with the next number. A journal above `compact_above` bytes, now or later,
  // is written anew without the exec records but the last ones. `container_dir` stays the caller's.
  static Result<JournalWriter> Open(os::DirFd container_dir, std::size_t compact_above = 1U << 20);

  // Fills in seq and time (unless set).
  Status Append(monitorapi::Record record);
  std::uint64_t seq() const { return seq_; }

 private:
  JournalWriter(os::DirFd dir, std::size_t compact_above) : dir_(dir), compact_above_(compact_above) {}
  Status OpenFile();

  os::DirFd dir_;
  std::size_t compact_above_;
  os::UniqueFd file_;
  std::uint64_t size_ = 0;
  std::uint64_t seq_ = 0;
};

// What is kept of `records` by compaction: everything but exec exits, of those the last `execs`, and the container's
// health, of which the last word; and of all at most the last `total`. Pure.
std::vector<monitorapi::Record> Compact(std::vector<monitorapi::Record> records, std::size_t execs,
                                        std::size_t total);

}  // namespace estiba::monitor
