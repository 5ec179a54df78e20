// A further process in a running container, and letting go a container that another process created.

#include <cerrno>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "launch.h"
#include "lower.h"
#include "os/file.h"
#include "runtime/container.h"

namespace estiba::runtime {

namespace {

// Up to where the child waits to be started.
Status Enter(Session& session, Lowered& lowered, pid_t init_pid, int init_pidfd, const LaunchOptions& options) {
  if (session.plan.kind != plan::Kind::kExec || session.plan.slots == 0) {
    return Error(Code::kInvalidArgument, "the plan is not one of an exec");
  }
  if (options.measure) session.trace = TRY(Trace::Create(ChildStepsOf(session.plan)));
  session.on_step = options.on_step;
  session.hierarchies = options.hierarchies;
  session.init = init_pid;
  session.slots[0] = TRY(os::Duplicate(init_pidfd));
  const std::string root = "/proc/" + std::to_string(init_pid) + "/root";
  session.root_of_exec = TRY_CTX(os::OpenAt({AT_FDCWD}, root, O_PATH | O_DIRECTORY), session.Subject());
  // The pid could have been given to another process between its pidfd's opening and now; then this is gone.
  TRY_CTX(os::SendSignal(init_pidfd, 0), session.Subject());
  TRY(RunHostSteps(session, plan::Where::kHost, 0, session.plan.steps.size()));
  lowered = Lower(session);
  TRY(Clone(session, lowered, options));
  return RunBesideChild(session, lowered);
}

}  // namespace

Result<ExecResult> Exec(const plan::Plan& plan, pid_t init_pid, int init_pidfd, const LaunchOptions& options) {
  Session session(plan);
  Lowered lowered;
  TRY(Enter(session, lowered, init_pid, init_pidfd, options));
  TRY(Go(session));
  const std::optional<child::Report> report = TRY(NextReport(session));
  if (report.has_value()) {
    return ChildFailure(session.plan, lowered.plan_index.at(report->step), report->error, session.said.get());
  }
  return ExecResult{std::move(session.child), std::move(session.terminal)};
}

Result<os::UniqueFd> CarryOutInside(const plan::Plan& plan, pid_t init_pid, int init_pidfd) {
  Session session(plan);
  Lowered lowered;
  TRY(Enter(session, lowered, init_pid, init_pidfd, {}));
  return std::move(session.terminal);  // the child, which waits for nothing any more, goes with the session
}

Status ReleaseAt(const plan::Plan& plan, os::DirFd gate) {
  // Opened without waiting: with no child at the other end there is nobody to let go.
  auto start = os::OpenAt(gate, "start", O_WRONLY | O_NONBLOCK | O_NOFOLLOW);
  if (!start.ok()) {
    return Error(Code::kFailedPrecondition, "start container '" + plan.name + "': it is not waiting to be started");
  }
  const os::UniqueFd report = TRY(os::OpenAt(gate, "report", O_RDONLY | O_NONBLOCK | O_NOFOLLOW));
  // Whoever removes the name is the one that starts it.
  if (::unlinkat(gate.fd, "start", 0) != 0) {
    return Error(Code::kFailedPrecondition, "start container '" + plan.name + "': it has been started already");
  }
  TRY(os::WriteAll(start->get(), "\1"));
  start->Reset();
  pollfd watched{report.get(), POLLIN, 0};
  int ready = 0;
  do {
    ready = ::poll(&watched, 1, -1);  // the child reports or executes; both end this
  } while (ready < 0 && errno == EINTR);
  child::Report failure{};
  const ssize_t size = ::read(report.get(), &failure, sizeof failure);
  TRY(os::DeleteFile(gate, "report"));
  if (size != static_cast<ssize_t>(sizeof failure)) return Ok();  // closed by the exec
  const auto step = PlanIndexOf(plan, failure.step);
  if (!step.has_value()) return Error(Code::kDataLoss, "a report of an unknown step");
  return ChildFailure(plan, static_cast<std::uint32_t>(*step), failure.error);
}

}  // namespace estiba::runtime
