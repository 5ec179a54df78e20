#include "term/session.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <deque>
#include <utility>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "apitypes/stdcopy.h"
#include "os/event.h"
#include "os/file.h"
#include "term/detach.h"

namespace estiba::cli {
namespace {

constexpr std::size_t kChunk = 32 * 1024;
constexpr std::size_t kMaxPendingInput = 256 * 1024;
// What a pipe that poll(2) calls writable takes without blocking: PIPE_BUF, pipe(7).
constexpr std::size_t kWriteAtOnce = 4096;
constexpr int kForceExitAfter = 3;

// Gives the thread its signal mask back: what SignalFd blocked would otherwise stay blocked for good.
class SavedSignalMask {
 public:
  SavedSignalMask() { ::pthread_sigmask(SIG_SETMASK, nullptr, &mask_); }
  SavedSignalMask(const SavedSignalMask&) = delete;
  SavedSignalMask& operator=(const SavedSignalMask&) = delete;
  ~SavedSignalMask() { ::pthread_sigmask(SIG_SETMASK, &mask_, nullptr); }

 private:
  sigset_t mask_{};
};

class Session {
 public:
  Session(http::Upgraded connection, SessionOptions options)
      : connection_(std::move(connection)),
        options_(std::move(options)),
        keys_(options_.detach_keys),
        frames_([this](apitypes::Stream stream, std::string_view bytes) { return ShowFrame(stream, bytes); }) {}

  // The signal that ended the session because nobody asked to pass it on, or 0.
  int killed_by() const { return killed_by_; }

  Result<SessionEnd> Run() {
    const SavedSignalMask saved;
    // Signals are read here rather than handled: no code runs behind our back, and the terminal is always
    // restored. SIGTTIN and SIGTTOU are the shell's: in the background we stop before we touch its terminal.
    auto signals = TRY(os::SignalFd::Create(
        {SIGWINCH, SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGALRM, SIGCONT, SIGTSTP}));
    ::signal(SIGPIPE, SIG_IGN);  // a closed pipe is an error of write(2), seen where it happens
    std::optional<RawMode> raw;
    if (options_.tty && options_.input && IsTerminal(STDIN_FILENO)) {
      auto entered = TRY(RawMode::Enter(STDIN_FILENO));
      raw.emplace(std::move(entered));
    }
    TRY(os::SetNonBlocking(connection_.fd.get(), true));
    input_open_ = options_.input;
    TRY(Show(connection_.leftover));
    for (;;) {
      TRY(Wait(signals));
      if (end_) return *end_;
    }
  }

 private:
  // One round of poll(2): connection, input, signals, the watched answer, and whoever reads our output.
  // Nothing here blocks on one of them, so that a reader that stands still delays neither input nor signals.
  Status Wait(const os::SignalFd& signals) {
    const bool want_input = input_open_ && pending_.size() < kMaxPendingInput;
    const bool want_output = unshown_.empty();
    const auto socket_events =
        static_cast<short>((want_output ? POLLIN : 0) | (pending_.empty() ? 0 : POLLOUT));
    // With no event asked for, poll(2) would still report a hang-up, again and again.
    std::array<pollfd, 5> polled{{{socket_events != 0 ? connection_.fd.get() : -1, socket_events, 0},
                                  {want_input ? STDIN_FILENO : -1, POLLIN, 0},
                                  {signals.fd(), POLLIN, 0},
                                  {options_.watch_fd, POLLIN, 0},
                                  {want_output ? -1 : unshown_.front().fd, POLLOUT, 0}}};
    if (::poll(polled.data(), polled.size(), -1) < 0) {
      if (errno == EINTR) return Ok();
      return Error::Errno(errno, "wait for the container's output");
    }
    if (polled[2].revents != 0) TRY(TakeSignals(signals));
    if (polled[3].revents != 0) options_.watch_fd = options_.watched ? options_.watched() : -1;
    if (polled[1].revents != 0) TRY(TakeInput());
    if (end_) return Ok();
    if (!pending_.empty()) SendPending();
    if (polled[4].revents != 0) TRY(ShowSome());
    if (want_output && (polled[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0) return TakeOutput();
    return Ok();
  }

  Status TakeSignals(const os::SignalFd& signals) {
    for (int number = signals.Next(); number != 0; number = signals.Next()) {
      if (number == SIGWINCH) {
        const auto size = GetWindowSize(STDOUT_FILENO);
        if (size && options_.resized) options_.resized(*size);
      } else if (options_.signalled) {
        if ((number == SIGINT || number == SIGTERM) && ++interruptions_ >= kForceExitAfter)
          return Error(Code::kCancelled, "got 3 SIGTERM/SIGINTs, forcefully exiting");
        options_.signalled(number);
      } else if (number == SIGTSTP) {
        // signalfd has taken it from the shell's job control: stop as we would have.
        ::raise(SIGSTOP);
      } else if (number != SIGCONT) {
        killed_by_ = number;
        return Error(Code::kCancelled, "interrupted by signal " + std::to_string(number));
      }
    }
    return Ok();
  }

  Status TakeInput() {
    std::array<char, kChunk> bytes;
    const ssize_t got = ::read(STDIN_FILENO, bytes.data(), bytes.size());
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return Ok();
    if (got <= 0) {
      input_open_ = false;
      if (pending_.empty()) CloseInput();
      return Ok();
    }
    const std::string_view input(bytes.data(), static_cast<std::size_t>(got));
    if (!options_.tty) {
      pending_ += input;
      return Ok();
    }
    auto passed = keys_.Filter(input);
    pending_ += passed.bytes;
    if (passed.detached) end_ = SessionEnd::kDetached;
    return Ok();
  }

  // Tells the other side that no more input comes; its output goes on.
  void CloseInput() { ::shutdown(connection_.fd.get(), SHUT_WR); }

  void SendPending() {
    const ssize_t sent = ::send(connection_.fd.get(), pending_.data(), pending_.size(), MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EAGAIN || errno == EINTR) return;
      // Nobody reads our input any more; what is still to be shown comes first.
      pending_.clear();
      input_open_ = false;
      return;
    }
    pending_.erase(0, static_cast<std::size_t>(sent));
    if (pending_.empty() && !input_open_ && options_.input) CloseInput();
  }

  Status TakeOutput() {
    std::array<char, kChunk> bytes;
    const ssize_t got = ::read(connection_.fd.get(), bytes.data(), bytes.size());
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return Ok();
    if (got <= 0) {  // a reset connection ends as a closed one: the exit code says what happened
      end_ = SessionEnd::kClosed;
      return Ok();
    }
    return Show({bytes.data(), static_cast<std::size_t>(got)});
  }

  Status Show(std::string_view bytes) {
    if (!options_.tty) return frames_.Feed(bytes);
    if (options_.output) Queue(STDOUT_FILENO, bytes);
    return Ok();
  }

  void Queue(int fd, std::string_view bytes) {
    if (!bytes.empty()) unshown_.push_back({fd, std::string(bytes)});
  }

  // Writes what the first in the queue takes now.
  Status ShowSome() {
    auto& [fd, bytes] = unshown_.front();
    const ssize_t written = ::write(fd, bytes.data(), std::min(bytes.size(), kWriteAtOnce));
    if (written < 0 && (errno == EINTR || errno == EAGAIN)) return Ok();
    if (written < 0) return Error::Errno(errno, "write the container's output");
    bytes.erase(0, static_cast<std::size_t>(written));
    if (bytes.empty()) unshown_.pop_front();
    return Ok();
  }

  Status ShowFrame(apitypes::Stream stream, std::string_view bytes) {
    if (stream == apitypes::Stream::kSystemError)
      return Error(Code::kInternal, "error from daemon in stream: " + std::string(bytes));
    const bool error = stream == apitypes::Stream::kStderr;
    if (error ? options_.error : options_.output) Queue(error ? STDERR_FILENO : STDOUT_FILENO, bytes);
    return Ok();
  }

  http::Upgraded connection_;
  SessionOptions options_;
  DetachFilter keys_;
  apitypes::Demultiplexer frames_;
  std::string pending_;  // input not yet sent
  struct Output {
    int fd;
    std::string bytes;
  };
  std::deque<Output> unshown_;  // one read of the connection at most
  bool input_open_ = false;
  int interruptions_ = 0;
  int killed_by_ = 0;
  std::optional<SessionEnd> end_;
};

}  // namespace

Result<SessionEnd> RunSession(http::Upgraded connection, SessionOptions options) {
  Session session(std::move(connection), std::move(options));
  auto end = session.Run();
  // The terminal and the mask are back: let the signal do to us what it does to any program.
  if (session.killed_by() != 0) ::raise(session.killed_by());
  return end;
}

}  // namespace estiba::cli
