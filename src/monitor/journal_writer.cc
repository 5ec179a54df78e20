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
  auto health_left = std::count_if(records.begin(), records.end(),
                                   [](const Record& r) { return r.type == RecordType::kHealth; });
  std::erase_if(records, [&](const Record& r) { return r.type == RecordType::kHealth && health_left-- > 1; });
  if (records.size() > total)
    records.erase(records.begin(), records.end() - static_cast<std::ptrdiff_t>(total));
  return records;
}

Result<JournalWriter> JournalWriter::Open(os::DirFd container_dir, std::size_t compact_above) {
  JournalWriter writer(container_dir, compact_above);
  TRY(writer.OpenFile());
  return writer;
}

Status JournalWriter::OpenFile() {
  constexpr std::size_t kExecs = 100;
  constexpr std::size_t kTotal = 1000;
  auto journal = TRY(monitorapi::ReadJournal(dir_));
  if (!journal.records.empty()) seq_ = journal.records.back().seq;
  if (journal.good > compact_above_) {
    std::string bytes;
    for (const Record& record : Compact(std::move(journal.records), kExecs, kTotal))
      bytes += monitorapi::EncodeRecord(record);
    TRY_CTX(os::ReplaceFile(dir_, monitorapi::kJournalName, bytes, 0600), "compact the journal");
    file_.Reset();  // the old file: what is written there is lost
    journal.good = bytes.size();
    compact_above_ = std::max(compact_above_, 2 * bytes.size());  // long texts: not again at once
  }
  os::UniqueFd file =
      TRY(os::OpenAt(dir_, monitorapi::kJournalName, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0600));
  if (::ftruncate(file.get(), static_cast<off_t>(journal.good)) < 0)
    return Error::Errno(errno, "cut the journal's torn tail off");
  file_ = std::move(file);
  size_ = journal.good;
  return Ok();
}

Status JournalWriter::Append(Record record) {
  if (!file_.valid()) TRY(OpenFile());
  record.seq = seq_ + 1;
  if (record.time == 0) record.time = WallNow().time_since_epoch().count();
  const std::string bytes = monitorapi::EncodeRecord(record);
  auto written = os::WriteAll(file_.get(), bytes);
  if (!written.ok()) {
    // A full disk may have taken half of it: the next record must not follow a torn one.
    if (::ftruncate(file_.get(), static_cast<off_t>(size_)) < 0)
      return Error::Errno(errno, "take a torn record back");
    return std::move(written).error().Context("append to the journal");
  }
  ++seq_;
  size_ += bytes.size();
  // The record is written: a journal that cannot be shortened now grows on.
  if (size_ > compact_above_ && !OpenFile().ok()) compact_above_ = 2 * size_;
  return Ok();
}

}  // namespace estiba::monitor
