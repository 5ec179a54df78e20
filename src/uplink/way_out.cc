#include "uplink/way_out.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>

#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/sched.h>

#include "base/log.h"
#include "helper.h"
#include "os/clone.h"
#include "os/descriptors.h"
#include "os/event.h"
#include "os/socket.h"

namespace estiba::uplink {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kName = "estiba-way-out";
constexpr std::string_view kUp = "up";
constexpr std::string_view kDown = "down ";
constexpr std::size_t kMaxNews = 4096;
constexpr std::chrono::milliseconds kFirstPause{100};
constexpr std::chrono::milliseconds kLongestPause{10'000};

// The process that watches the program.
class Keeper {
 public:
  Keeper(os::UniqueFd control, os::SignalFd children) : control_(std::move(control)), children_(std::move(children)) {}

  // For as long as the other side is there.
  void Run() {
    while (Step()) {
    }
  }

 private:
  bool Step() {
    pollfd wait[] = {{control_.get(), POLLIN, 0}, {children_.fd(), POLLIN, 0}};
    ::poll(wait, 2, Patience());
    if (wait[0].revents != 0 && !Listen()) return false;
    while (children_.Next() != 0) {
    }
    const bool ended = Reap();
    if (running_ && ended) Lost("it has ended");
    if (!program_.empty() && !running_ && Clock::now() >= next_) Start();
    return true;
  }

  int Patience() const {
    if (program_.empty() || running_) return -1;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(next_ - Clock::now()).count();
    return static_cast<int>(std::max<long long>(left + 1, 0));
  }

  bool Listen() {
    auto message = os::ReceiveMessage(control_.get(), kMaxNews);
    if (!message.ok() || message->bytes.empty() || message->fds.size() != 1) return false;
    program_ = message->bytes;
    netns_ = std::move(message->fds[0]);
    return true;
  }

  // True when nobody is left.
  static bool Reap() {
    for (;;) {
      const pid_t pid = ::waitpid(-1, nullptr, WNOHANG);
      if (pid == 0) return false;
      if (pid < 0 && errno != EINTR) return true;
    }
  }

  void Start() {
    auto started = StartHelper(program_, netns_.get(), control_.get());
    if (!started.ok()) return Lost(started.error().Message());
    running_ = true;
    pause_ = kFirstPause;
    Tell(std::string(kUp));
  }

  void Lost(const std::string& why) {
    running_ = false;
    next_ = Clock::now() + pause_;
    pause_ = std::min(pause_ * 2, kLongestPause);
    Tell(std::string(kDown) + why.substr(0, kMaxNews / 2));
  }

  // When nobody hears it, that is told by the end of the connection.
  void Tell(const std::string& news) { [[maybe_unused]] const bool told = os::SendMessage(control_.get(), news).ok(); }

  os::UniqueFd control_;
  os::SignalFd children_;
  std::string program_;
  os::UniqueFd netns_;
  bool running_ = false;
  Clock::time_point next_{};
  std::chrono::milliseconds pause_ = kFirstPause;
};

[[noreturn]] void Keep(int control) {
  ::prctl(PR_SET_NAME, kName, 0, 0, 0);
  auto children = os::SignalFd::Create({SIGCHLD});
  if (children.ok()) Keeper(os::UniqueFd(control), std::move(*children)).Run();
  ::_exit(0);  // the kernel kills whoever is left in the PID namespace
}

}  // namespace

Result<WayOut> WayOut::Create() {
  os::SocketPair pair = TRY(os::MakeSocketPair(SOCK_SEQPACKET));
  clone_args args{};
  args.flags = CLONE_NEWPID;
  args.exit_signal = SIGCHLD;
  const long pid = os::Clone3(args);
  if (const int err = errno; pid < 0) return Error::Errno(err, "start the keeper of the way out");
  if (pid == 0) {
    pair.ours.Reset();
    // What else is open here is the server's: whoever waits for its end is not to wait for ours.
    const int control = pair.theirs.Release();
    if (!os::CloseAllBut(control).ok()) ::_exit(1);
    Keep(control);
  }
  return WayOut(std::move(pair.ours));
}

void WayOut::Dismiss() {
  ::signal(SIGCHLD, SIG_IGN);  // its end is nobody's news
  control_.Reset();
}

Status WayOut::Start(const std::string& program, int netns) {
  if (started()) return Ok();
  const std::string name = program.substr(program.rfind('/') + 1);
  if (program.empty() || program[0] != '/' || (name != "pasta" && name != "slirp4netns"))
    return Error(Code::kInvalidArgument, "'" + program + "' is neither pasta nor slirp4netns");
  TRY(os::SendMessage(control_.get(), program, {netns}));
  name_ = name;
  return Ok();
}

std::string WayOut::Trouble() const {
  return trouble_.empty() ? std::string() : name_ + " (it does not run: " + trouble_ + ")";
}

Status WayOut::Read() {
  const auto message = TRY(os::ReceiveMessage(control_.get(), kMaxNews));
  if (message.bytes.empty()) return Error(Code::kUnavailable, "the keeper of the way out is gone");
  const bool down = message.bytes.starts_with(kDown);
  const std::string before = std::exchange(trouble_, down ? message.bytes.substr(kDown.size()) : std::string());
  settled_ = true;
  if (down && before != trouble_)
    log::Warn("containers do not reach other hosts, for now", {{"program", name_}, {"error", trouble_}});
  return Ok();
}

}  // namespace estiba::uplink
