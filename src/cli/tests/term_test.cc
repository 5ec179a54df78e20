#include <thread>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/socket.h"
#include "term/detach.h"
#include "term/session.h"
#include "term/terminal.h"
#include "tests/stdcopy_frame.h"
#include "tests/support.h"

namespace estiba::cli {
namespace {

using testing::StdcopyFrame;

TEST(DetachKeys, AreParsed) {
  EXPECT_EQ(*ParseDetachKeys("ctrl-p,ctrl-q"), "\x10\x11");
  EXPECT_EQ(*ParseDetachKeys("ctrl-@,a,ctrl-["), std::string("\0a\x1b", 3));
  EXPECT_FALSE(ParseDetachKeys("ctrl-").ok());
  EXPECT_FALSE(ParseDetachKeys("shift-a").ok());
}

TEST(DetachFilter, FindsTheSequenceAcrossReads) {
  DetachFilter filter("\x10\x11");
  EXPECT_EQ(filter.Filter("ab\x10").bytes, "ab");  // held back
  EXPECT_EQ(filter.Filter("c").bytes,
            "\x10"
            "c");
  EXPECT_EQ(filter.Filter("\x10").bytes, "");
  const auto twice = filter.Filter("\x10\x11rest");
  EXPECT_EQ(twice.bytes, "\x10");  // the first key began nothing
  EXPECT_TRUE(twice.detached);
}

TEST(DetachFilter, WithoutKeysPassesEverything) {
  DetachFilter filter("");
  EXPECT_EQ(filter.Filter("\x10\x11").bytes, "\x10\x11");
}

TEST(RawMode, IsTakenBack) {
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  ASSERT_GE(master, 0);
  ASSERT_EQ(::grantpt(master) + ::unlockpt(master), 0);
  const int terminal = ::open(::ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
  ASSERT_GE(terminal, 0);
  termios before{};
  ASSERT_EQ(::tcgetattr(terminal, &before), 0);
  {
    ASSERT_OK_AND_ASSIGN(const RawMode raw, RawMode::Enter(terminal));
    termios during{};
    ::tcgetattr(terminal, &during);
    EXPECT_EQ(during.c_lflag & (ECHO | ICANON | ISIG), 0U);
  }
  termios after{};
  ::tcgetattr(terminal, &after);
  EXPECT_EQ(after.c_lflag, before.c_lflag);
  EXPECT_EQ(after.c_iflag, before.c_iflag);
  ::close(terminal);
  ::close(master);
}

// Descriptors 0 and 1 of this process, replaced for a test.
class Redirected {
 public:
  Redirected(int in, int out) : in_(::dup(0)), out_(::dup(1)) {
    ::dup2(in, 0);
    ::dup2(out, 1);
  }
  Redirected(const Redirected&) = delete;
  Redirected& operator=(const Redirected&) = delete;
  ~Redirected() {
    ::dup2(in_, 0);
    ::dup2(out_, 1);
    ::close(in_);
    ::close(out_);
  }

 private:
  int in_, out_;
};

TEST(Session, SendsInputHalfClosesAndShowsOutput) {
  ASSERT_OK_AND_ASSIGN(os::SocketPair pair, os::MakeSocketPair(SOCK_STREAM));
  ASSERT_OK_AND_ASSIGN(os::Pipe input, os::MakePipe());
  ASSERT_OK_AND_ASSIGN(os::Pipe output, os::MakePipe());
  ASSERT_EQ(::write(input.write.get(), "question", 8), 8);
  input.write.Reset();
  // The other side answers only when it has seen the end of our input, as `sort` would.
  std::jthread peer([fd = std::move(pair.theirs)] {
    std::string got;
    char bytes[64];
    for (ssize_t n = 0; (n = ::read(fd.get(), bytes, sizeof bytes)) > 0;)
      got.append(bytes, static_cast<std::size_t>(n));
    const std::string answer = StdcopyFrame(1, "got " + got);
    (void)!::write(fd.get(), answer.data(), answer.size());
  });
  SessionOptions options;
  options.input = true;
  Result<SessionEnd> end = SessionEnd::kDetached;
  {
    const Redirected redirected(input.read.get(), output.write.get());
    end = RunSession({std::move(pair.ours), StdcopyFrame(1, "left over "), {}}, std::move(options));
  }
  ASSERT_OK(end);
  EXPECT_EQ(*end, SessionEnd::kClosed);
  char bytes[64];
  const ssize_t n = ::read(output.read.get(), bytes, sizeof bytes);
  EXPECT_EQ(std::string(bytes, static_cast<std::size_t>(n)), "left over got question");
}

}  // namespace
}  // namespace estiba::cli
