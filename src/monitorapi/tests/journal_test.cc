#include "monitorapi/journal.h"

#include "tests/support.h"

namespace estiba::monitorapi {
namespace {

Record MakeRecord(RecordType type, std::uint64_t seq, const std::string& text) {
  Record record;
  record.type = type;
  record.seq = seq;
  record.time = 1'700'000'000'000'000'000;
  record.code = 137;
  record.oom = true;
  record.text = text;
  return record;
}

TEST(Journal, RecordsComeBackInOrder) {
  const std::string bytes = EncodeRecord(MakeRecord(RecordType::kStarted, 1, "")) +
                            EncodeRecord(MakeRecord(RecordType::kExited, 2, "monitor died"));
  const Journal journal = ParseJournal(bytes);
  ASSERT_EQ(journal.records.size(), 2U);
  EXPECT_EQ(journal.good, bytes.size());
  EXPECT_EQ(journal.records[1].type, RecordType::kExited);
  EXPECT_EQ(journal.records[1].code, 137);
  EXPECT_TRUE(journal.records[1].oom);
  EXPECT_EQ(journal.records[1].text, "monitor died");
  EXPECT_EQ(journal.records[1].time, 1'700'000'000'000'000'000);
}

TEST(Journal, ATornTailAtAnyByteLosesOnlyThatRecord) {
  const std::string first = EncodeRecord(MakeRecord(RecordType::kStarted, 1, ""));
  const std::string both = first + EncodeRecord(MakeRecord(RecordType::kExited, 2, "gone"));
  for (std::size_t size = first.size(); size < both.size(); ++size) {
    const Journal journal = ParseJournal(std::string_view(both).substr(0, size));
    ASSERT_EQ(journal.records.size(), 1U) << size;
    ASSERT_EQ(journal.good, first.size()) << size;
  }
}

TEST(Journal, ADamagedByteEndsIt) {
  const std::string first = EncodeRecord(MakeRecord(RecordType::kStarted, 1, ""));
  std::string both = first + EncodeRecord(MakeRecord(RecordType::kExited, 2, "gone"));
  for (std::size_t i = first.size(); i < both.size(); ++i) {
    both[i] = static_cast<char>(both[i] ^ 0x40);
    ASSERT_EQ(ParseJournal(both).records.size(), 1U) << i;
    both[i] = static_cast<char>(both[i] ^ 0x40);
  }
}

TEST(Journal, ARecordOutOfOrderEndsIt) {
  const std::string bytes = EncodeRecord(MakeRecord(RecordType::kStarted, 5, "")) +
                            EncodeRecord(MakeRecord(RecordType::kExited, 5, ""));
  EXPECT_EQ(ParseJournal(bytes).records.size(), 1U);
}

TEST(Journal, NoFileIsAnEmptyJournal) {
  const testing::TempDir dir;
  ASSERT_OK_AND_ASSIGN(const os::UniqueFd fd, os::OpenAt({-100}, dir.path(), 0));
  ASSERT_OK_AND_ASSIGN(const Journal journal, ReadJournal({fd.get()}));
  EXPECT_TRUE(journal.records.empty());
}

}  // namespace
}  // namespace estiba::monitorapi
