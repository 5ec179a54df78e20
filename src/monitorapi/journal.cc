#include "monitorapi/journal.h"

#include <array>

#include "monitorapi/tlv.h"
#include "os/file.h"

namespace estiba::monitorapi {
namespace {

constexpr std::size_t kHead = 8;    // length, CRC
constexpr std::size_t kFixed = 18;  // seq, time, type
constexpr std::size_t kMaxRecord = 1U << 20;
constexpr std::size_t kMaxJournal = 64U << 20;

constexpr std::array<std::uint32_t, 256> MakeCrcTable() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value & 1) != 0 ? value >> 1 ^ 0xEDB88320U : value >> 1;
    table[i] = value;
  }
  return table;
}
constexpr auto kCrcTable = MakeCrcTable();

std::uint32_t Crc32(std::string_view bytes) {
  std::uint32_t crc = ~0U;
  for (const char c : bytes) crc = crc >> 8 ^ kCrcTable[(crc ^ static_cast<unsigned char>(c)) & 0xFF];
  return ~crc;
}

void AppendLittle(std::string& out, std::uint64_t value, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) out += static_cast<char>(value >> (8 * i) & 0xFF);
}

std::uint64_t Little(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = size; i > 0; --i) value = value << 8 | static_cast<unsigned char>(bytes[at + i - 1]);
  return value;
}

}  // namespace

std::string EncodeRecord(const Record& record) {
  std::string body;
  AppendLittle(body, record.seq, 8);
  AppendLittle(body, static_cast<std::uint64_t>(record.time), 8);
  AppendLittle(body, static_cast<std::uint64_t>(record.type), 2);
  body += tlv::Encode(record);
  std::string out;
  AppendLittle(out, body.size(), 4);
  AppendLittle(out, Crc32(body), 4);
  return out + body;
}

Journal ParseJournal(std::string_view bytes) {
  Journal journal;
  while (bytes.size() - journal.good >= kHead) {
    const std::string_view rest = bytes.substr(journal.good);
    const std::uint64_t length = Little(rest, 0, 4);
    if (length < kFixed || length > kMaxRecord || length > rest.size() - kHead) break;
    const std::string_view body = rest.substr(kHead, length);
    if (Crc32(body) != Little(rest, 4, 4)) break;
    auto record = tlv::Decode<Record>(body.substr(kFixed));
    if (!record.ok()) break;
    record->seq = Little(body, 0, 8);
    record->time = static_cast<std::int64_t>(Little(body, 8, 8));
    record->type = static_cast<RecordType>(Little(body, 16, 2));
    if (!journal.records.empty() && record->seq <= journal.records.back().seq) break;
    journal.records.push_back(std::move(*record));
    journal.good += kHead + length;
  }
  return journal;
}

Result<Journal> ReadJournal(os::DirFd container_dir) {
  const auto bytes = os::ReadFileAt(container_dir, kJournalName, kMaxJournal);
  if (bytes.ok()) return ParseJournal(*bytes);
  if (bytes.error().code() == Code::kNotFound) return Journal{};
  return bytes.error().Clone().Context("read a journal");
}

}  // namespace estiba::monitorapi
