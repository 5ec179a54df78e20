#include "launch.h"

#include <cerrno>
#include <chrono>
#include <csignal>

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clone_into.h"
#include "os/event.h"
#include "os/socket.h"

namespace estiba::runtime {
namespace {

using plan::Op;

// A child that says nothing for so long is stuck in a mount or a hook without a timeout.
constexpr std::chrono::seconds kPatience{300};

constexpr Op ChildOp(child::Op op) {
  return static_cast<Op>(static_cast<unsigned>(op) + static_cast<unsigned>(Op::kChildBase));
}

// A copy with a number that nothing in the child is moved to.
Result<os::UniqueFd> MoveUp(int fd, int base, const char* what) {
  const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, base);
  if (const int err = errno; copy < 0) return Error::Errno(err, std::string("duplicate ") + what);
  return os::UniqueFd(copy);
}

// All signals wait while the child still has our handlers.
class BlockedSignals {
 public:
  BlockedSignals() {
    sigset_t all;
    ::sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, &saved_);
  }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;
  ~BlockedSignals() { ::sigprocmask(SIG_SETMASK, &saved_, nullptr); }

 private:
  sigset_t saved_{};
};

// The namespaces the child is to be born into.
std::vector<JoinedNamespace> JoinedBy(const Session& session) {
  std::vector<JoinedNamespace> joined;
  if (session.plan.kind == plan::Kind::kExec) {
    // What the child does not enter by itself.
    std::uint64_t born = session.plan.clone_flags;
    for (const plan::Step& step : session.plan.steps) {
      if (step.op == ChildOp(child::Op::kSetNamespace)) born &= ~step.numbers.at(0);
    }
    for (const std::uint64_t flag : {std::uint64_t{CLONE_NEWUSER}, std::uint64_t{CLONE_NEWPID}}) {
      if ((born & flag) != 0) joined.push_back({session.slots[0].get(), flag});
    }
    return joined;
  }
  for (const plan::Step& step : session.plan.steps) {
    if (step.op != Op::kOpenNamespace) continue;
    const bool born = step.numbers.at(0) == CLONE_NEWPID || (step.numbers.size() > 1 && step.numbers[1] != 0);
    if (born) joined.push_back({session.slots[static_cast<std::size_t>(step.out)].get(), step.numbers[0]});
  }
  return joined;
}

int UnifiedOf(const Session& session) {
  for (const plan::Step& step : session.plan.steps) {
    if (step.op == Op::kOpenUnified) return session.slots[static_cast<std::size_t>(step.out)].get();
  }
  return -1;
}

struct ChildFds {
  os::UniqueFd sync, null, gate_start, gate_report, document, said;
  std::vector<os::UniqueFd> extra;
};

Status PrepareFds(const Session& session, const LaunchOptions& options, int sync, const Gate& gate, Lowered& lowered,
                  ChildFds& fds) {
  const int base = 64 + static_cast<int>(options.extra_fds.size());
  auto null = TRY(os::OpenAt({AT_FDCWD}, "/dev/null", O_RDWR));
  fds.null = TRY(MoveUp(null.get(), base, "/dev/null"));
  fds.sync = TRY(MoveUp(sync, base, "the socket to the parent"));
  if (gate.start.valid()) fds.gate_start = TRY(MoveUp(gate.start.get(), base, "the start gate"));
  if (gate.report.valid()) fds.gate_report = TRY(MoveUp(gate.report.get(), base, "the start gate"));
  if (session.document.valid()) {  // hooks read it when 3, 4, … are already the program's
    fds.document = TRY(MoveUp(session.document.get(), base, "the hooks' state document"));
    lowered.slots.back() = fds.document.get();
  }
  if (session.said.valid()) fds.said = TRY(MoveUp(session.said.get(), base, "what hooks print"));
  for (const int fd : options.extra_fds) {
    fds.extra.push_back(TRY(MoveUp(fd, base, "a descriptor to pass on")));
    lowered.extra.push_back(fds.extra.back().get());
  }
  child::Program& program = lowered.program;
  program.aside = base;
  program.sync_fd = fds.sync.get();
  program.null_fd = fds.null.get();
  program.said_fd = fds.said.get();
  program.gate_fd = fds.gate_start.get();
  program.gate_report_fd = fds.gate_report.get();
  program.extra = lowered.extra.data();
  program.extra_count = static_cast<std::uint32_t>(lowered.extra.size());
  program.stdio[0] = options.stdio.in;
  program.stdio[1] = options.stdio.out;
  program.stdio[2] = options.stdio.err;
  return Ok();
}

Result<os::UniqueFd> MakeFifo(os::DirFd folder, const char* name) {
  if (::mkfifoat(folder.fd, name, 0600) != 0) {
    const int err = errno;
    return Error::Errno(err, std::string("make FIFO '") + name + "'");
  }
  // Both ends in one: opening does not wait, and there is a reader and a writer as long as the child lives.
  return os::OpenAt(folder, name, O_RDWR | O_NOFOLLOW);
}

constexpr Op kListener = static_cast<Op>(static_cast<unsigned>(Op::kChildBase) +
                                         static_cast<unsigned>(child::Op::kSendSeccompListener));

// What came with a report of `step`: a seccomp listener, or the terminal's master.
Status TakeFd(Session& session, std::uint32_t child_step, os::UniqueFd fd) {
  const auto index = PlanIndexOf(session.plan, child_step);
  if (!index.has_value()) return Error(Code::kDataLoss, "a descriptor of an unknown step");
  const plan::Step& step = session.plan.steps[*index];
  if (step.op != kListener) {
    session.terminal = std::move(fd);
    return Ok();
  }
  Status sent = SendListener(session, step, fd.get());
  return sent.ok() ? Ok() : HostFailure(session, step, std::move(sent).error());
}

Status TakeFds(Session& session, std::uint32_t child_step, const msghdr& message) {
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(const_cast<msghdr*>(&message), header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    int fd = -1;
    __builtin_memcpy(&fd, CMSG_DATA(header), sizeof fd);
    TRY(TakeFd(session, child_step, os::UniqueFd(fd)));
  }
  return Ok();
}

// The report of a child that has already given up; nothing while it works.
Result<std::optional<child::Report>> EarlyFailure(Session& session) {
  child::Report report{};
  const ssize_t size = ::recv(session.sync.get(), &report, sizeof report, MSG_DONTWAIT | MSG_PEEK);
  if (size != static_cast<ssize_t>(sizeof report) || report.error == 0) return std::optional<child::Report>();
  return NextReport(session);
}

Error Died(Session& session) {
  auto status = session.child.Wait();
  std::string how = "the container's process ended before its program ran";
  if (status.ok() && status->signal != 0) how += " (signal " + std::to_string(status->signal) + ")";
  Error error(Code::kInternal, std::move(how));
  if (status.ok() && status->signal == SIGKILL) {
    return std::move(error).Context(session.Subject()).Hint("a memory limit too small for the start kills it so");
  }
  return std::move(error).Context(session.Subject());
}

}  // namespace

Result<Gate> MakeGate(os::DirFd folder) {
  Gate gate;
  gate.start = TRY(MakeFifo(folder, "start"));
  gate.report = TRY(MakeFifo(folder, "report"));
  return gate;
}

Status Clone(Session& session, Lowered& lowered, const LaunchOptions& options) {
  if (!os::SingleThreaded()) {
    return Error(Code::kFailedPrecondition, "clone a container: this process has more than one thread");
  }
  auto pair = TRY(os::MakeSocketPair(SOCK_SEQPACKET));
  Gate gate;
  if (options.gate.fd >= 0) gate = TRY(MakeGate(options.gate));
  ChildFds fds;
  TRY(PrepareFds(session, options, pair.theirs.get(), gate, lowered, fds));
  lowered.program.parent_fd = pair.ours.get();
  pair.theirs.Reset();

  int pidfd = -1;
  clone_args args{};
  args.flags = CLONE_PIDFD;
  if (session.plan.kind == plan::Kind::kContainer) args.flags |= session.plan.clone_flags;
  args.pidfd = reinterpret_cast<std::uintptr_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  if (const int unified = UnifiedOf(session); unified >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<std::uint64_t>(unified);
  }
  const BlockedSignals blocked;
  const auto start = std::chrono::steady_clock::now();
  const pid_t pid = TRY_CTX(CloneInto(JoinedBy(session), args, lowered.program), session.Subject());
  session.Measured(plan::kCloneStep, std::chrono::steady_clock::now() - start);
  session.child = os::Process(pid, os::UniqueFd(pidfd));
  session.sync = std::move(pair.ours);
  session.Stepped();
  return Ok();
}

Status Go(Session& session) {
  const char go = 1;
  if (::send(session.sync.get(), &go, 1, MSG_NOSIGNAL) == 1) return Ok();
  const int err = errno;
  if (err == EPIPE) return Ok();  // it has failed: its report is next
  return Error::Errno(err, "let the container's process go on");
}

Result<std::optional<child::Report>> NextReport(Session& session) {
  for (;;) {
    const bool readable = TRY(os::WaitReadable(session.sync.get(), kPatience));
    if (!readable) return Error(Code::kDeadlineExceeded, "wait for the container's process");
    child::Report report{};
    iovec payload{&report, sizeof report};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    msghdr message{};
    message.msg_iov = &payload;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t size = ::recvmsg(session.sync.get(), &message, MSG_CMSG_CLOEXEC);
    if (const int err = errno; size < 0) {
      // ECONNRESET: it ended with a Go of ours unread. Told once, and before what it had said.
      if (err == EINTR || err == ECONNRESET) continue;
      return Error::Errno(err, "hear from the container's process");
    }
    if (size == 0) return std::optional<child::Report>();
    if (size != static_cast<ssize_t>(sizeof report)) return Error(Code::kDataLoss, "a cut report from the child");
    if (message.msg_controllen > 0) {
      TRY(TakeFds(session, report.step, message));
      continue;
    }
    return std::optional<child::Report>(report);
  }
}

Status RunBesideChild(Session& session, const Lowered& lowered) {
  const std::vector<plan::Step>& steps = session.plan.steps;
  const auto fail = [&](const child::Report& report) {
    return ChildFailure(session.plan, lowered.plan_index.at(report.step), report.error, session.said.get());
  };
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (steps[i].where == plan::Where::kHostChild) {
      const std::optional<child::Report> early = TRY(EarlyFailure(session));
      if (early.has_value()) return fail(*early);
      Status done = RunHostSteps(session, plan::Where::kHostChild, i, i + 1);
      if (!done.ok()) {
        // What fails beside a child that has given up fails because of that: its reason is the one to tell.
        const std::optional<child::Report> why = TRY(EarlyFailure(session));
        return why.has_value() ? Status(fail(*why)) : std::move(done);
      }
    } else if (steps[i].op == ChildOp(child::Op::kReport)) {
      const std::optional<child::Report> reached = TRY(NextReport(session));
      if (!reached.has_value()) return Died(session);
      if (reached->error != 0) return fail(*reached);
    } else if (steps[i].op == ChildOp(child::Op::kWaitHost)) {
      TRY(Go(session));
      session.Stepped();
    }
  }
  const std::optional<child::Report> report = TRY(NextReport(session));
  if (!report.has_value()) return Died(session);
  if (report->error != 0) return fail(*report);
  return Ok();
}

}  // namespace estiba::runtime
