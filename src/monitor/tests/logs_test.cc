#include "fake_container.h"

#include "log_writer.h"

namespace estiba::monitor {
namespace {

using monitorapi::Stream;

class LogsTest : public SupervisorTest {
 protected:
  Result<os::UniqueFd> Logs(const monitorapi::LogOptions& options) {
    auto connection = Connect();
    TRY(client_->Call(monitorapi::Logs{options}, {connection.theirs.get()}, kPatience));
    return std::move(connection.ours);
  }
};

// The body of a chunked answer; what is wrong with it instead if it is not whole.
std::string Unchunk(std::string_view bytes) {
  std::string text;
  for (;;) {
    const auto line = bytes.find("\r\n");
    if (line == std::string_view::npos) return text + "<no chunk>";
    const auto size = static_cast<std::size_t>(std::stoul(std::string(bytes.substr(0, line)), nullptr, 16));
    bytes.remove_prefix(line + 2);
    if (bytes.size() < size + 2) return text + "<cut chunk>";
    text += bytes.substr(0, size);
    bytes.remove_prefix(size + 2);
    if (size == 0) return bytes.empty() ? text : text + "<rest>";
  }
}

TEST_F(LogsTest, GivesWhatThereIsAndEnds) {
  launch_.open_stdin = true;
  ASSERT_OK(Launch("echo a; echo b; echo c; read x"));
  monitorapi::LogOptions options;
  options.raw = true;
  options.follow = true;
  ASSERT_OK_AND_ASSIGN(const os::UniqueFd all, Logs(options));
  ReadUntilHas(all.get(), "c\n");
  options.follow = false;
  options.tail = 2;
  ASSERT_OK_AND_ASSIGN(const os::UniqueFd tail, Logs(options));
  EXPECT_EQ(Unchunk(ReadToEnd(tail.get())), "b\nc\n");
}

TEST_F(LogsTest, FollowingGoesOnToTheEndOfTheContainerAcrossRotations) {
  launch_.log.max_size = 5000;
  launch_.open_stdin = true;
  ASSERT_OK(Launch("read x; i=0; while [ $i -lt 300 ]; do echo line $i; i=$((i+1)); done"));
  monitorapi::LogOptions options;
  options.raw = true;
  options.follow = true;
  ASSERT_OK_AND_ASSIGN(const os::UniqueFd client, Logs(options));
  std::string text;
  std::thread reading([&] { text = ReadToEnd(client.get()); });
  auto input = Connect();
  monitorapi::Attach attach;
  attach.options.in = true;
  ASSERT_OK(Call(attach, {input.theirs.get()}));
  ASSERT_OK(os::WriteAll(input.ours.get(), "go\n"));
  ASSERT_OK(AwaitExit());
  reading.join();
  std::string wanted;
  for (int i = 0; i < 300; ++i) wanted += "line " + std::to_string(i) + "\n";
  EXPECT_EQ(Unchunk(text), wanted);
}

TEST_F(LogsTest, UntilClosePutsNoChunks) {
  launch_.open_stdin = true;
  ASSERT_OK(Launch("read x; exit"));
  monitorapi::LogOptions options;
  options.chunked = false;
  ASSERT_OK_AND_ASSIGN(const os::UniqueFd client, Logs(options));
  EXPECT_EQ(ReadToEnd(client.get()), "");
}

TEST_F(LogsTest, AreRefusedWhenNothingIsKept) {
  launch_.log.enabled = false;
  ASSERT_OK(Launch("while :; do sleep 0.01; done"));
  const auto logs = Logs({});
  ASSERT_FALSE(logs.ok());
  EXPECT_EQ(logs.error().code(), Code::kFailedPrecondition);
}

class LogWriterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = os::OpenAt({AT_FDCWD}, dir_.path(), O_RDONLY | O_DIRECTORY);
    ASSERT_OK(opened);
    fd_ = std::move(*opened);
  }
  std::string Read(std::int64_t tail = -1) {
    monitorapi::LogOptions options;
    options.raw = true;
    options.tail = tail;
    auto reader = monitorapi::LogReader::Open({fd_.get()}, options);
    std::string out;
    while (reader.ok()) {
      const auto more = reader->Read(out, out.size() + 1000);
      if (!more.ok() || !*more) break;
    }
    return out;
  }
  const testing::TempDir dir_;
  os::UniqueFd fd_;
};

TEST_F(LogWriterTest, LinesAreWholeHoweverTheyCome) {
  ASSERT_OK_AND_ASSIGN(LogWriter log, LogWriter::Open({fd_.get()}, {}));
  log.Append(Stream::kOut, "he");
  EXPECT_EQ(log.Pending(Stream::kOut), "he");
  log.Append(Stream::kErr, "other\n");
  log.Append(Stream::kOut, "llo\nwor");
  log.Append(Stream::kOut, "ld\n\n");
  EXPECT_EQ(Read(), "other\nhello\nworld\n\n");
}

TEST_F(LogWriterTest, ALongLineIsCutAndComesBackWhole) {
  ASSERT_OK_AND_ASSIGN(LogWriter log, LogWriter::Open({fd_.get()}, {}));
  const std::string line(50'000, 'x');
  log.Append(Stream::kOut, line);
  log.Append(Stream::kOut, "\nnext\n");
  EXPECT_EQ(Read(), line + "\nnext\n");
  EXPECT_EQ(Read(1), "next\n");
  EXPECT_EQ(Read(2), line + "\nnext\n");
}

TEST_F(LogWriterTest, ExactlyTheCutLengthIsOneLine) {
  ASSERT_OK_AND_ASSIGN(LogWriter log, LogWriter::Open({fd_.get()}, {}));
  const std::string line(monitorapi::kMaxLogText, 'x');
  log.Append(Stream::kOut, line + "\n");
  EXPECT_EQ(Read(1), line + "\n");
}

TEST_F(LogWriterTest, TheEndOfAStreamKeepsItsBegunLine) {
  ASSERT_OK_AND_ASSIGN(LogWriter log, LogWriter::Open({fd_.get()}, {}));
  log.Append(Stream::kOut, "prompt> ");
  log.Flush();
  EXPECT_EQ(Read(), "prompt> ");
}

TEST_F(LogWriterTest, RotatesAndDropsTheOldest) {
  monitorapi::LogConfig config;
  config.max_size = 1000;
  config.max_files = 3;
  ASSERT_OK_AND_ASSIGN(LogWriter log, LogWriter::Open({fd_.get()}, config));
  for (int i = 0; i < 100; ++i) log.Append(Stream::kOut, "line " + std::to_string(i) + "\n");
  ASSERT_OK_AND_ASSIGN(const auto names, os::ListDirectory({fd_.get()}, "."));
  EXPECT_THAT(names, ::testing::UnorderedElementsAre("log", "log.1", "log.2"));
  EXPECT_THAT(Read(), ::testing::EndsWith("line 98\nline 99\n"));
  EXPECT_LE(Read().size(), 3000U);
}

TEST_F(LogWriterTest, OneFileIsBegunAnew) {
  monitorapi::LogConfig config;
  config.max_size = 200;
  config.max_files = 1;
  ASSERT_OK_AND_ASSIGN(LogWriter log, LogWriter::Open({fd_.get()}, config));
  for (int i = 0; i < 10; ++i) log.Append(Stream::kOut, "line " + std::to_string(i) + "\n");
  ASSERT_OK_AND_ASSIGN(const auto names, os::ListDirectory({fd_.get()}, "."));
  EXPECT_THAT(names, ::testing::UnorderedElementsAre("log"));
  EXPECT_THAT(Read(), ::testing::EndsWith("line 9\n"));
}

TEST_F(LogWriterTest, ATornLineOfAKilledWriterDoesNotSpoilTheNext) {
  ASSERT_OK(os::ReplaceFile({fd_.get()}, "log", "2023-11-14T22:13:20.0000", 0600));
  ASSERT_OK_AND_ASSIGN(LogWriter log, LogWriter::Open({fd_.get()}, {}));
  log.Append(Stream::kOut, "fine\n");
  EXPECT_EQ(Read(), "fine\n");
}

}  // namespace
}  // namespace estiba::monitor
