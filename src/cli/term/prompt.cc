#include "term/prompt.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include <termios.h>
#include <unistd.h>

#include "command.h"

namespace estiba::cli {
namespace {

constexpr std::size_t kMaxAnswer = 64U << 10;
constexpr std::array kEnding{SIGINT, SIGTERM, SIGHUP, SIGQUIT};

volatile std::sig_atomic_t caught = 0;
void Catch(int signal) { caught = signal; }

// While it lives, signals that would end us interrupt a read instead; then they do what they would have done.
class HeldSignals {
 public:
  HeldSignals() {
    caught = 0;
    struct sigaction hold{};
    hold.sa_handler = Catch;  // no SA_RESTART
    for (std::size_t i = 0; i < kEnding.size(); ++i) ::sigaction(kEnding[i], &hold, &before_[i]);
  }
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;
  ~HeldSignals() {
    for (std::size_t i = 0; i < kEnding.size(); ++i) ::sigaction(kEnding[i], &before_[i], nullptr);
    if (caught != 0) ::raise(caught);
  }

 private:
  std::array<struct sigaction, kEnding.size()> before_{};
};

class EchoOff {
 public:
  EchoOff(int fd, const termios& before) : fd_(fd), before_(before) {}
  EchoOff(const EchoOff&) = delete;
  EchoOff& operator=(const EchoOff&) = delete;
  // Nothing more can be done when this fails: the terminal has gone.
  ~EchoOff() { (void)::tcsetattr(fd_, TCSANOW, &before_); }

 private:
  int fd_;
  termios before_;
};

}  // namespace

Result<std::string> ReadAnswer(int fd) {
  std::string line;
  for (char c = 0; line.size() < kMaxAnswer;) {
    const ssize_t got = ::read(fd, &c, 1);
    if (got < 0 && errno == EINTR && caught == 0) continue;
    if (got < 0) return Error::Errno(errno, "read the answer");
    if (got == 0 || c == '\n') return line;
    if (c != '\r') line += c;
  }
  return Error(Code::kOutOfRange, "the answer is longer than 64 KiB");
}

Result<std::string> AskSecret(int fd, std::string_view question) {
  termios before{};
  if (::tcgetattr(fd, &before) != 0) return Error::Errno(errno, "read the terminal's settings");
  const HeldSignals signals;  // ends after the echo is back
  const EchoOff echo(fd, before);
  termios silent = before;
  silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  if (::tcsetattr(fd, TCSANOW, &silent) != 0) return Error::Errno(errno, "switch the terminal's echo off");
  Print(question);
  auto answer = ReadAnswer(fd);
  Print("\n");  // the one that was typed is not shown
  return answer;
}

}  // namespace estiba::cli
