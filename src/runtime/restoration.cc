#include "runtime/restoration.h"

#include <fcntl.h>

#include "child/step.h"
#include "net/setup.h"
#include "plan/checkpoint.h"
#include "runtime/container.h"
#include "session.h"

namespace estiba::runtime {
namespace {

using plan::Op;

constexpr Op kLoopbackUp =
    static_cast<Op>(static_cast<unsigned>(Op::kChildBase) + static_cast<unsigned>(child::Op::kLoopbackUp));

// A container of the same mounts, dropped before its program runs.
Status LeaveMountPoints(const plan::Plan& plan) {
  auto container = Container::Create(plan::MountPointsOf(plan), LaunchOptions{});
  if (!container.ok()) return std::move(container).error().Context("make mount points");
  return Ok();
}

bool MakesCgroup(Op op) {
  return op == Op::kCreateCgroup || op == Op::kWriteCgroup || op == Op::kCgroupDevices || op == Op::kOwnCgroup;
}

// The steps beside a process that is not ours to end.
class Beside {
 public:
  Beside(Session& session, pid_t pid) : session_(session) { session.child = os::Process(pid, {}); }
  Beside(const Beside&) = delete;
  Beside& operator=(const Beside&) = delete;
  ~Beside() { session_.child.Detach(); }

 private:
  Session& session_;
};

Status RunStep(Session& session, std::size_t index) {
  return RunHostSteps(session, session.plan.steps[index].where, index, index + 1);
}

}  // namespace

struct Restoration::Rep {
  explicit Rep(plan::Plan plan) : session(std::move(plan)) {}
  Rep(const Rep&) = delete;
  Rep& operator=(const Rep&) = delete;
  ~Rep() {
    if (armed) RollBack(session, seen);
  }
  Session session;
  bool armed = true;
  bool seen = false;  // by hooks
};

Restoration::Restoration(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
Restoration::Restoration(Restoration&&) noexcept = default;
Restoration& Restoration::operator=(Restoration&&) noexcept = default;
Restoration::~Restoration() = default;

Result<Restoration> Restoration::Begin(const plan::Plan& plan) {
  TRY(LeaveMountPoints(plan));
  auto rep = std::make_unique<Rep>(plan);
  const bool scope = plan::ScopeStart(plan) != nullptr;
  // What waits for a child, as all that is written into a scope, is Admit's.
  for (std::size_t i = 0; i < plan.steps.size(); ++i)
    if (MakesCgroup(plan.steps[i].op) && (plan.steps[i].where == plan::Where::kHost || !scope))
      TRY(RunStep(rep->session, i));
  return Restoration(std::move(rep));
}

Status Restoration::Admit(pid_t worker) {
  Session& session = rep_->session;
  const Beside beside(session, worker);
  if (session.cgroup.has_value()) TRY(session.cgroup->Attach(worker));
  const bool scope = plan::ScopeStart(session.plan) != nullptr;  // which systemd makes around the worker
  for (std::size_t i = 0; i < session.plan.steps.size(); ++i) {
    const plan::Step& step = session.plan.steps[i];
    const bool late = scope && MakesCgroup(step.op) && step.where != plan::Where::kHost;
    if (step.op == Op::kIntelRdt || step.op == Op::kStartScope || late) TRY(RunStep(session, i));
  }
  return Ok();
}

Status Restoration::SetUpNamespaces(pid_t init) {
  Session& session = rep_->session;
  const Beside beside(session, init);
  rep_->seen = true;
  for (std::size_t i = 0; i < session.plan.steps.size(); ++i) {
    const plan::Step& step = session.plan.steps[i];
    if (step.op == kLoopbackUp) {
      const auto netns = TRY(os::OpenAt({AT_FDCWD}, "/proc/" + std::to_string(init) + "/ns/net", O_RDONLY));
      TRY(net::BringLoopbackUp(netns.get()));
    } else if (step.op == Op::kMoveLink || (step.op == Op::kRunHook && step.where == plan::Where::kHostChild)) {
      TRY(RunStep(session, i));
    }
  }
  return Ok();
}

void Restoration::Keep() { rep_->armed = false; }

}  // namespace estiba::runtime
