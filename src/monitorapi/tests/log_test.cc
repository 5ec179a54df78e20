#include "monitorapi/log.h"

#include <fcntl.h>
#include <unistd.h>

#include "os/file.h"
#include "tests/support.h"

namespace estiba::monitorapi {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kStart = 1'700'000'000 * kSecond;

std::string Entry(int second, Stream stream, std::string_view text, bool partial = false) {
  std::string out;
  AppendLogEntry(out, FormatLogTime(kStart + second * kSecond), stream, partial, text);
  return out;
}

class LogReaderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = os::OpenAt({AT_FDCWD}, dir_.path(), O_RDONLY | O_DIRECTORY);
    ASSERT_OK(opened);
    fd_ = std::move(*opened);
  }
  void Put(const char* name, const std::string& bytes) {
    ASSERT_OK(os::ReplaceFile({fd_.get()}, name, bytes, 0600));
  }
  // What a client reads of it all, without frames.
  std::string Read(LogOptions options) {
    options.raw = true;
    auto reader = LogReader::Open({fd_.get()}, options);
    if (!reader.ok()) return reader.error().ToString();
    std::string out;
    for (;;) {
      const auto more = reader->Read(out, out.size() + 10);
      if (!more.ok() || !*more) return out;
    }
  }
  static LogOptions Tail(std::int64_t lines) {
    LogOptions options;
    options.tail = lines;
    return options;
  }

  const testing::TempDir dir_;
  os::UniqueFd fd_;
};

TEST(LogFormat, TimesHaveNineDigitsAndSortAsText) {
  EXPECT_EQ(FormatLogTime(kStart), "2023-11-14T22:13:20.000000000Z");
  EXPECT_EQ(FormatLogTime(kStart).size(), kLogTime);
  EXPECT_LT(FormatLogTime(kStart), FormatLogTime(kStart + 1));
}

TEST(LogFormat, AnEntryComesBack) {
  std::string line = Entry(0, Stream::kErr, "a \0 b", true);
  line.pop_back();
  LogEntry entry;
  ASSERT_TRUE(ParseLogEntry(line, &entry));
  EXPECT_EQ(entry.stream, Stream::kErr);
  EXPECT_TRUE(entry.partial);
  EXPECT_EQ(entry.text, "a ");
}

TEST(LogFormat, GarbageIsNoEntry) {
  LogEntry entry;
  EXPECT_FALSE(ParseLogEntry("", &entry));
  EXPECT_FALSE(ParseLogEntry("2023-11-14T22:13:20.000000000Z stdxxx F text here", &entry));
  EXPECT_FALSE(ParseLogEntry("2023-11-14T22:13:20.000000000Z stdout X text here", &entry));
}

TEST(LogFormatter, FramesSayTheStreamAndTheLength) {
  LogFormatter formatter({});
  std::string out;
  formatter.Append(out, {Stream::kErr, false, "2023-11-14T22:13:20.000000000Z", "hello"});
  EXPECT_EQ(out, std::string("\2\0\0\0\0\0\0\6hello\n", 14));
}

TEST(LogFormatter, TimestampsComeOncePerLineHoweverItWasCut) {
  LogOptions options;
  options.raw = true;
  options.timestamps = true;
  LogFormatter formatter(options);
  std::string out;
  const std::string_view time = "2023-11-14T22:13:20.000000000Z";
  formatter.Append(out, {Stream::kOut, true, time, "abc"});
  formatter.Append(out, {Stream::kOut, false, time, "def"});
  EXPECT_EQ(out, "2023-11-14T22:13:20.000000000Z abcdef\n");
}

TEST(LogFormatter, SkipsWhatTheClientHasAlready) {
  LogOptions options;
  options.raw = true;
  LogFormatter formatter(options);
  formatter.Skip(Stream::kOut, 4);
  std::string out;
  formatter.Append(out, {Stream::kOut, true, "", "abc"});
  formatter.Append(out, {Stream::kOut, false, "", "def"});
  EXPECT_EQ(out, "ef\n");
}

TEST(LogFormat, ChunksHaveHexadecimalLengths) {
  std::string out;
  AppendChunk(out, std::string(26, 'x'));
  EXPECT_EQ(out, "1a\r\n" + std::string(26, 'x') + "\r\n");
}

TEST_F(LogReaderTest, ReadsRotatedFilesOldestFirst) {
  Put("log.2", Entry(0, Stream::kOut, "one"));
  Put("log.1", Entry(1, Stream::kOut, "two"));
  Put("log", Entry(2, Stream::kOut, "three"));
  EXPECT_EQ(Read({}), "one\ntwo\nthree\n");
}

TEST_F(LogReaderTest, NoLogIsNothing) { EXPECT_EQ(Read({}), ""); }

TEST_F(LogReaderTest, TailCountsAcrossFiles) {
  Put("log.1", Entry(0, Stream::kOut, "one") + Entry(1, Stream::kOut, "two"));
  Put("log", Entry(2, Stream::kOut, "three"));
  EXPECT_EQ(Read(Tail(0)), "");
  EXPECT_EQ(Read(Tail(1)), "three\n");
  EXPECT_EQ(Read(Tail(2)), "two\nthree\n");
  EXPECT_EQ(Read(Tail(3)), "one\ntwo\nthree\n");
  EXPECT_EQ(Read(Tail(4)), "one\ntwo\nthree\n");
}

TEST_F(LogReaderTest, TailCountsLinesNotEntries) {
  Put("log", Entry(0, Stream::kOut, "first") + Entry(1, Stream::kOut, "long ", true) +
                 Entry(1, Stream::kOut, "line") + Entry(2, Stream::kOut, "no newline", true));
  EXPECT_EQ(Read(Tail(1)), "no newline");
  EXPECT_EQ(Read(Tail(2)), "long line\nno newline");
}

TEST_F(LogReaderTest, TailWorksOnFilesOfManyBlocks) {
  std::string bytes;
  for (int i = 0; i < 5000; ++i) bytes += Entry(i, Stream::kOut, "line " + std::to_string(i));
  Put("log", bytes);
  EXPECT_EQ(Read(Tail(2)), "line 4998\nline 4999\n");
  const std::string many = Read(Tail(3000));
  EXPECT_EQ(many.substr(0, 10), "line 2000\n");
}

TEST_F(LogReaderTest, SinceAndUntilCutByTime) {
  Put("log", Entry(0, Stream::kOut, "a") + Entry(1, Stream::kOut, "b") + Entry(2, Stream::kOut, "c"));
  LogOptions options;
  options.since = kStart + kSecond;
  options.until = kStart + kSecond;
  EXPECT_EQ(Read(options), "b\n");
}

TEST_F(LogReaderTest, OneStreamAlone) {
  Put("log", Entry(0, Stream::kOut, "out") + Entry(1, Stream::kErr, "err"));
  LogOptions options;
  options.out = false;
  EXPECT_EQ(Read(options), "err\n");
}

TEST_F(LogReaderTest, ATornLineAndGarbageAreSkipped) {
  Put("log.1", Entry(0, Stream::kOut, "a") + "2023-11-14T22:13");
  Put("log", "garbage\n" + std::string(100'000, 'x') + "\n" + Entry(1, Stream::kOut, "b"));
  EXPECT_EQ(Read({}), "a\nb\n");
}

TEST_F(LogReaderTest, GoesOnWithWhatIsWrittenLater) {
  Put("log", Entry(0, Stream::kOut, "a"));
  LogOptions options;
  options.raw = true;
  ASSERT_OK_AND_ASSIGN(LogReader reader, LogReader::Open({fd_.get()}, options));
  std::string out;
  ASSERT_OK_AND_ASSIGN(bool more, reader.Read(out, 1000));
  EXPECT_FALSE(more);
  ASSERT_OK_AND_ASSIGN(const os::UniqueFd file, os::OpenAt({fd_.get()}, "log", O_WRONLY | O_APPEND));
  ASSERT_OK(os::WriteAll(file.get(), Entry(1, Stream::kOut, "b")));
  Put("log.new", Entry(2, Stream::kOut, "c"));
  ASSERT_OK_AND_ASSIGN(os::UniqueFd rotated, os::OpenAt({fd_.get()}, "log.new", O_RDONLY));
  EXPECT_TRUE(reader.Rotated(std::move(rotated)));
  ASSERT_OK_AND_ASSIGN(more, reader.Read(out, 1000));
  EXPECT_EQ(out, "a\nb\nc\n");
}

}  // namespace
}  // namespace estiba::monitorapi
