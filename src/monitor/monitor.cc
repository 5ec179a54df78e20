#include "monitor/monitor.h"

#include <csignal>
#include <optional>

#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/log.h"
#include "folders.h"
#include "plan_runner.h"
#include "recover.h"
#include "runtime/container.h"
#include "supervisor.h"

namespace estiba::monitor {

using monitorapi::Frame;
using monitorapi::Type;

namespace {

// Where the engine is told of a failure before there is a Supervisor.
class Answer {
 public:
  Answer(os::UniqueFd socket, std::uint32_t id) : channel_(std::move(socket)), id_(id) {}
  Status Send(const Status& done) {
    if (done.ok()) return channel_.Send(Type::kOk, id_, {});
    const auto failure = monitorapi::Failure::From(done.error(), 125);
    return channel_.Send(Type::kFailure, id_, monitorapi::tlv::Encode(failure));
  }

 private:
  monitorapi::Channel channel_;
  std::uint32_t id_;
};

Result<Frame> FirstFrame(monitorapi::Channel& channel) {
  for (;;) {
    auto frame = TRY(channel.Receive());
    if (frame) return std::move(*frame);
    pollfd wait{channel.fd(), POLLIN, 0};
    (void)::poll(&wait, 1, -1);  // an interrupted wait just looks again
  }
}

Result<Folders> TakeFolders(Frame& frame) {
  if (frame.fds.size() < 2) return Error(Code::kInvalidArgument, "the container's folders are missing");
  Folders folders{std::move(frame.fds[0]), std::move(frame.fds[1])};
  frame.fds.erase(frame.fds.begin(), frame.fds.begin() + 2);
  return folders;
}

Status Recover(Frame& frame) {
  const auto recover = TRY(frame.Decode<monitorapi::Recover>());
  const Folders folders = TRY(TakeFolders(frame));
  const os::UniqueFd lock = TRY(TakeLock({folders.run.get()}));
  Failpoint failpoint = TRY(Failpoint::Parse(recover.failpoint));
  PlanRunner runner({folders.container.get()}, &failpoint);
  return RecoverContainer({folders.container.get()}, {folders.run.get()}, runner, failpoint, recover.other_boot);
}

// What a Supervisor needs, in the order it is taken.
struct Ready {
  monitorapi::Launch launch;
  Folders folders;
  os::UniqueFd lock;
  JournalWriter journal;
};

Result<Ready> Take(Frame& frame) {
  auto launch = TRY(frame.Decode<monitorapi::Launch>());
  Folders folders = TRY(TakeFolders(frame));
  os::UniqueFd lock = TRY(TakeLock({folders.run.get()}));
  JournalWriter journal = TRY(JournalWriter::Open({folders.container.get()}));
  return Ready{std::move(launch), std::move(folders), std::move(lock), std::move(journal)};
}

Status Supervise(Ready ready, os::UniqueFd engine, Frame frame) {
  os::Loop loop = TRY(os::Loop::Create());
  // The container's orphans come to us when it shares the host's pid namespace.
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0) return Error::Errno(errno, "become a subreaper");
  // SIGTERM and the like are for containers; a monitor ends after its own. SIGPIPE is an error code here.
  const os::SignalFd signals =
      TRY(os::SignalFd::Create({SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGUSR1, SIGUSR2, SIGQUIT}));
  auto failpoint = std::make_unique<Failpoint>(TRY(Failpoint::Parse(ready.launch.failpoint)));
  auto runner = std::make_unique<PlanRunner>(os::DirFd{ready.folders.container.get()}, failpoint.get());
  runner->WatchIn(loop);
  Supervisor supervisor(loop, std::move(runner), std::move(ready.folders), std::move(ready.lock),
                        std::move(ready.launch), std::move(ready.journal));
  supervisor.OnLinger([] {
    // The copy has the same epoll and connections; the engine sees this process end.
    if (::fork() > 0) ::_exit(0);
  });
  TRY(loop.Watch(signals.fd(), EPOLLIN, [&](std::uint32_t) {
    while (signals.Next() != 0) {
    }
    loop.Defer([&supervisor] { supervisor.OnChildSignal(); });
  }));
  TRY(supervisor.Begin(std::move(engine), frame.id, std::move(frame.fds)));
  frame = {};
  return loop.Run();
}

}  // namespace

Status RunMonitor(os::UniqueFd engine) {
  // Not the number of the descriptor that it was started from: others are told whose changes they see.
  ::prctl(PR_SET_NAME, "estiba-monitor", 0, 0, 0);
  runtime::CarryOutNetworks();
  TRY(os::SetNonBlocking(engine.get(), true));
  TRY(os::SetCloseOnExec(engine.get(), true));
  Frame frame;
  std::optional<Ready> ready;
  {
    // Closed before the container runs: the engine waits for the end of its connection, and a copy of this process may
    // stay for clients that read slowly.
    monitorapi::Channel channel(TRY(os::Duplicate(engine.get())));
    frame = TRY(FirstFrame(channel));
    Answer answer(TRY(os::Duplicate(engine.get())), frame.id);
    if (frame.type == Type::kRecover) return answer.Send(Recover(frame));
    if (frame.type != Type::kLaunch)
      return answer.Send(Error(Code::kFailedPrecondition, "the monitor waits for a container"));
    auto taken = Take(frame);
    if (!taken.ok()) return answer.Send(std::move(taken).error());
    ready.emplace(std::move(taken).value());
  }
  return Supervise(std::move(*ready), std::move(engine), std::move(frame));
}

}  // namespace estiba::monitor
