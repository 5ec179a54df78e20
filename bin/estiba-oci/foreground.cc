#include "foreground.h"

#include <cerrno>
#include <csignal>

#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <optional>

#include "os/file.h"
#include "os/pty.h"

namespace estiba::ocicli {
namespace {

// Our terminal in raw mode, as it was again afterwards.
class RawTerminal {
 public:
  RawTerminal() {
    if (::tcgetattr(0, &saved_) != 0) return;
    termios raw = saved_;
    ::cfmakeraw(&raw);
    raw.c_oflag |= OPOST;  // lines end here as ours do, whatever follows on it
    active_ = ::tcsetattr(0, TCSANOW, &raw) == 0;
  }
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;
  ~RawTerminal() {
    if (active_) ::tcsetattr(0, TCSANOW, &saved_);
  }

 private:
  termios saved_{};
  bool active_ = false;
};

void CopySize(int terminal) {
  const auto size = os::GetTerminalSize(0);
  if (size.ok()) (void)!os::SetTerminalSize(terminal, size->rows, size->columns).ok();  // gone: its end is noticed
}

// One chunk from `from` to `to`; false at the end or when either is gone (a terminal answers EIO then).
bool Pump(int from, int to) {
  std::array<char, 16384> buffer;
  const ssize_t n = ::read(from, buffer.data(), buffer.size());
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return true;
  if (n <= 0) return false;
  return os::WriteAll(to, std::string_view(buffer.data(), static_cast<std::size_t>(n))).ok();
}

// True when the process has ended.
bool HandleSignals(int signals, const os::Process& process, int terminal) {
  signalfd_siginfo info{};
  while (::read(signals, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    const int signal = static_cast<int>(info.ssi_signo);
    if (signal == SIGWINCH && terminal >= 0) {
      CopySize(terminal);
    } else if (signal != SIGCHLD && signal != SIGPIPE) {
      (void)!os::SendSignal(process.pidfd(), signal).ok();  // it may just have ended
    }
  }
  pollfd watched{.fd = process.pidfd(), .events = POLLIN, .revents = 0};
  return ::poll(&watched, 1, 0) == 1;
}

}  // namespace

Result<Foreground> Foreground::Begin(bool subreaper) {
  if (subreaper && ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) return Error::Errno(errno, "become a subreaper");
  sigset_t all;
  ::sigfillset(&all);
  for (const int fault : {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGABRT, SIGTRAP, SIGSYS, SIGTTIN, SIGTTOU, SIGTSTP})
    ::sigdelset(&all, fault);
  if (::sigprocmask(SIG_BLOCK, &all, nullptr) != 0) return Error::Errno(errno, "hold back signals");
  const int fd = ::signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
  if (const int err = errno; fd < 0) return Error::Errno(err, "watch for signals");
  return Foreground(os::UniqueFd(fd));
}

Result<int> Foreground::Stay(os::Process process, os::UniqueFd terminal, std::optional<NotifyRelay> relay) {
  std::optional<RawTerminal> raw;
  if (terminal.valid()) {
    CopySize(terminal.get());
    raw.emplace();
  }
  bool input = terminal.valid();
  bool output = terminal.valid();
  bool ended = false;
  while (!ended || output) {
    std::array<pollfd, 5> watched{{{.fd = ended ? -1 : process.pidfd(), .events = POLLIN, .revents = 0},
                                   {.fd = signals_.get(), .events = POLLIN, .revents = 0},
                                   {.fd = output ? terminal.get() : -1, .events = POLLIN, .revents = 0},
                                   {.fd = input && !ended ? 0 : -1, .events = POLLIN, .revents = 0},
                                   {.fd = relay ? relay->fd() : -1, .events = POLLIN, .revents = 0}}};
    // Once it has ended, only what is already in the terminal still counts: others may hold it open.
    const int ready = ::poll(watched.data(), watched.size(), ended ? 0 : -1);
    if (ready < 0 && errno != EINTR) return Error::Errno(errno, "wait for the process");
    if (ended && ready <= 0) break;
    if (watched[1].revents != 0) ended = HandleSignals(signals_.get(), process, terminal.get()) || ended;
    if (watched[0].revents != 0) ended = true;
    if (watched[2].revents != 0) output = Pump(terminal.get(), 1);
    if (watched[3].revents != 0) input = Pump(0, terminal.get());
    if (watched[4].revents != 0) {
      const bool passed = TRY(relay->Pass(::getpid()));
      if (passed) relay.reset();
    }
  }
  const os::ExitStatus status = TRY(process.Wait());
  return status.ToShell();
}

}  // namespace estiba::ocicli
