#include <csignal>

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/parse.h"
#include "net/setup.h"
#include "os/clone.h"
#include "os/file.h"
#include "os/userns.h"
#include "session.h"

namespace estiba::runtime {
namespace {

using plan::Op;
using plan::Step;

Status OomScore(Session& session, const Step& step) {
  const std::string path = "/proc/" + std::to_string(session.child.pid()) + "/oom_score_adj";
  auto written = os::WriteExisting({AT_FDCWD}, path, step.text.at(0));
  // Lower than what we have ourselves needs CAP_SYS_RESOURCE; a default may then stay what it is.
  const bool optional = !step.numbers.empty() && step.numbers[0] == 1;
  if (written.ok() || (optional && written.error().code() == Code::kPermissionDenied)) return Ok();
  return std::move(written).error().Context("set oom_score_adj to '" + step.text[0] + "'");
}

// A process whose user namespace is all it is for, until it is dropped.
Result<os::Process> HoldUserNamespace() {
  int pidfd = -1;
  clone_args args{};
  args.flags = CLONE_NEWUSER | CLONE_PIDFD;
  args.pidfd = reinterpret_cast<std::uintptr_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  const pid_t parent = ::getpid();
  const long pid = os::Clone3(args);
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    while (::getppid() == parent) ::pause();
    ::_exit(0);
  }
  if (const int err = errno; pid < 0) return Error::Errno(err, "make a user namespace");
  return os::Process(static_cast<pid_t>(pid), os::UniqueFd(pidfd));
}

Status OpenFile(Session& session, const Step& step) {
  session.Fill(step, TRY(os::OpenAt({AT_FDCWD}, step.text.at(0), static_cast<int>(step.numbers.at(0)))));
  return Ok();
}

Status OpenInitRoot(Session& session, const Step& step) {
  if (!session.root_of_exec.valid()) return Error(Code::kInvalidArgument, "the plan is not one of an exec");
  session.Fill(step, TRY(os::Duplicate(session.root_of_exec.get())));
  return Ok();
}

bool IsCgroupStep(Op op) {
  return op == Op::kCreateCgroup || op == Op::kWriteCgroup || op == Op::kCgroupDevices || op == Op::kOpenUnified ||
         op == Op::kStartScope || op == Op::kJoinScope || op == Op::kOpenTasks || op == Op::kOpenCgroupMount ||
         op == Op::kOwnCgroup;
}

bool IsNetworkStep(Op op) {
  return op == Op::kUseHost || op == Op::kForwarding || op == Op::kUserNetwork || op == Op::kRelayPorts ||
         op == Op::kEnsureTable || op == Op::kEnsureBridge || op == Op::kAddVeth || op == Op::kConfigureInside ||
         op == Op::kPublishPorts || op == Op::kServeNames ||
         op == Op::kEnsureParent || op == Op::kAddUpper || op == Op::kEnsureBridgeLink || op == Op::kJoinVlan ||
         op == Op::kWriteNames || op == Op::kDefaultRoute ||
         op == Op::kCniAdd;
}

}  // namespace

NetworkSteps network_steps;

int Session::In(const plan::Step& step, std::size_t index) const {
  if (index >= step.in.size() || step.in[index] < 0) return -1;
  return slots[static_cast<std::size_t>(step.in[index])].get();
}

void Session::Fill(const plan::Step& step, os::UniqueFd fd) {
  if (step.out >= 0) slots[static_cast<std::size_t>(step.out)] = std::move(fd);
}

std::string Session::Subject() const { return runtime::Subject(plan); }

Result<const cgroup::Hierarchies*> HierarchiesOf(Session& session) {
  if (!session.hierarchies.has_value()) session.hierarchies = TRY(cgroup::Probe());
  return &*session.hierarchies;
}

Status MakeIdMap(Session& session, const Step& step) {
  const os::Process holder = TRY(HoldUserNamespace());
  TRY(os::MapIds(holder.pid(), step.text.at(0), step.text.at(1)));
  session.Fill(step, TRY(os::OpenAt({AT_FDCWD}, "/proc/" + std::to_string(holder.pid()) + "/ns/user", O_RDONLY)));
  return Ok();
}

Result<os::UniqueFd> OpenNetns(const Session& session) {
  if (session.netns >= 0) return os::Duplicate(session.netns);
  return os::OpenAt({AT_FDCWD}, "/proc/" + std::to_string(session.child.pid()) + "/ns/net", O_RDONLY);
}

Status MoveLink(const Session& session, const Step& step) {
  const int joined = session.In(step);
  os::UniqueFd own;
  if (joined < 0) own = TRY(OpenNetns(session));
  return net::MoveLink(step.text.at(0), step.text.at(1), joined < 0 ? own.get() : joined);
}

Status RunHostStep(Session& session, const Step& step) {
  if (IsCgroupStep(step.op)) return RunCgroupStep(session, step);
  if (IsNetworkStep(step.op) && network_steps.run != nullptr) return network_steps.run(session, step);
  switch (step.op) {
    case Op::kOpenRoot: return OpenRoot(session, step);
    case Op::kMountImage: return MountImage(session, step);
    case Op::kMountOverlay: return MountOverlay(session, step);
    case Op::kOpenTree: return OpenTree(session, step);
    case Op::kMountFilesystem: return MountFilesystem(session, step);
    case Op::kOpenNamespace: return OpenNamespace(session, step);
    case Op::kOpenFile: return OpenFile(session, step);
    case Op::kOpenInitRoot: return OpenInitRoot(session, step);
    case Op::kMakeIdMapFd: return MakeIdMap(session, step);
    case Op::kMoveLink: return MoveLink(session, step);
    case Op::kMaybeDirectory: return os::EnsureDirectory(step.text.at(0), 0755);
    case Op::kResolveUser: return ResolveUser(session, step);
    case Op::kCopyUp: return CopyUp(session, step);
    case Op::kWriteIdMaps: return os::MapIds(session.child.pid(), step.text.at(0), step.text.at(1));
    case Op::kIntelRdt: return JoinResctrl(session, step);
    case Op::kOomScore: return OomScore(session, step);
    case Op::kRunHook: return RunHook(session.plan, step, "creating", session.child.pid());
    default: break;
  }
  return Error(Code::kNotImplemented, "step '" + std::string(plan::OpName(step.op)) + "' is not known here");
}

Status RunHostSteps(Session& session, plan::Where where, std::size_t first, std::size_t last) {
  for (std::size_t i = first; i < last; ++i) {
    const Step& step = session.plan.steps[i];
    if (step.where != where) continue;
    session.executed[i] = true;
    const auto start = std::chrono::steady_clock::now();
    auto done = RunHostStep(session, step);
    session.Measured(i, std::chrono::steady_clock::now() - start);
    if (!done.ok()) return HostFailure(session, step, std::move(done).error());
    session.Stepped();
  }
  return Ok();
}

}  // namespace estiba::runtime
