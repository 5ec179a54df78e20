#include "journal_writer.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "os/file.h"

namespace estiba::monitor {

using monitorapi::Record;
using monitorapi::RecordType;

std::vector<Record> Compact(std::vector<Record> records, std::size_t execs, std::size_t total) {
  auto exec_left = static_cast<std::size_t>(std::count_if(
      records.begin(), records.end(), [](const Record& r) { return r.type == RecordType::kExecExited; }));
  std::erase_if(records,
                [&](const Record& r) { return r.type == RecordType::kExecExited && exec_left-- > execs; });
  if (records.size() > total)
    records.erase(records.begin(), records.end() - static_cast<std::ptrdiff_t>(total));
  return records;
}

Result<JournalWriter> JournalWriter::Open(os::DirFd container_dir, std::size_t compact_above) {
  constexpr std::size_t kExecs = 100;
  constexpr std::size_t kTotal = 1000;
  auto journal = TRY(monitorapi::ReadJournal(container_dir));
  const std::uint64_t seq = journal.records.empty() ? 0 : journal.records.back().seq;
  if (journal.good > compact_above) {
    std::string bytes;
    for (const Record& record : Compact(std::move(journal.records), kExecs, kTotal))
      bytes += monitorapi::EncodeRecord(record);
    TRY_CTX(os::ReplaceFile(container_dir, monitorapi::kJournalName, bytes, 0600), "compact the journal");
    journal.good = bytes.size();
  }
  os::UniqueFd file = TRY(
      os::OpenAt(container_dir, monitorapi::kJournalName, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0600));
  if (::ftruncate(file.get(), static_cast<off_t>(journal.good)) < 0)
    return Error::Errno(errno, "cut the journal's torn tail off");
  return JournalWriter(std::move(file), seq);
}

Status JournalWriter::Append(Record record) {
  record.seq = seq_ + 1;
  if (record.time == 0) record.time = WallNow().time_since_epoch().count();
  const off_t end = ::lseek(file_.get(), 0, SEEK_END);
  const std::string bytes = monitorapi::EncodeRecord(record);
  auto written = os::WriteAll(file_.get(), bytes);
  if (!written.ok()) {
    // A full disk may have taken half of it: the next record must not follow a torn one.
    if (end >= 0 && ::ftruncate(file_.get(), end) < 0) return Error::Errno(errno, "take a torn record back");
    return std::move(written).error().Context("append to the journal");
  }
  ++seq_;
  return Ok();
}

}  // namespace estiba::monitor
