#include "runtime/container.h"

#include <unistd.h>

#include "base/log.h"
#include "clone_into.h"
#include "launch.h"
#include "lower.h"
#include "os/file.h"
#include "os/memfd.h"
#include "os/netns.h"
#include "plan/undo.h"
#include "session.h"
#include "undo_steps.h"

namespace estiba::runtime {
namespace {

using plan::Op;

constexpr Op kHookInside = static_cast<Op>(static_cast<unsigned>(Op::kChildBase) +
                                           static_cast<unsigned>(child::Op::kHook));

bool HasHooksInside(const plan::Plan& plan) {
  for (const plan::Step& step : plan.steps) {
    if (step.op == kHookInside) return true;
  }
  return false;
}

Status WriteDocument(const Session& session, const char* status) {
  if (!session.document.valid()) return Ok();
  const std::string text = StateDocument(session.plan, status, session.child.pid());
  if (::ftruncate(session.document.get(), 0) != 0 || ::lseek(session.document.get(), 0, SEEK_SET) < 0) {
    const int err = errno;
    return Error::Errno(err, "write the hooks' state document");
  }
  return os::WriteAll(session.document.get(), text);
}

bool IsPoststart(const plan::Step& step) {
  return step.op == Op::kRunHook && step.where == plan::Where::kAfter && step.why.starts_with("hooks.poststart");
}

bool IsPoststop(const plan::Step& step) {
  return step.op == Op::kRunHook && step.where == plan::Where::kAfter && step.why.starts_with("hooks.poststop");
}

// Only what was begun: a cgroup that was somebody else's must not be taken back.
plan::Plan BegunPart(const Session& session) {
  plan::Plan begun;
  begun.id = session.plan.id;
  begun.name = session.plan.name;
  for (std::size_t i = 0; i < session.plan.steps.size(); ++i) {
    if (!session.executed[i]) continue;
    const plan::Step& step = session.plan.steps[i];
    if (step.op == Op::kCreateCgroup && !session.cgroup.has_value()) continue;
    if (step.op == Op::kStartScope && session.anothers_scope) continue;
    begun.steps.push_back(step);
  }
  return begun;
}

bool ClonesMount(const plan::Step& step) {
  return step.op == Op::kOpenRoot || step.op == Op::kOpenTree || step.op == Op::kOpenCgroupMount;
}

// What the parent does before there is a child. A plain user may clone mounts only in a user namespace; everything else
// he may do only outside: open what belongs to his other containers, make cgroups.
Status Prepare(Session& session) {
  const std::vector<plan::Step>& steps = session.plan.steps;
  if (::geteuid() == 0) return RunHostSteps(session, plan::Where::kHost, 0, steps.size());
  for (std::size_t first = 0, last = 0; first < steps.size(); first = last) {
    const bool mounts = ClonesMount(steps[first]);
    while (last < steps.size() && ClonesMount(steps[last]) == mounts) ++last;
    const auto run = [&] { return RunHostSteps(session, plan::Where::kHost, first, last); };
    TRY(mounts ? RunUnshared(run) : run());
  }
  return Ok();
}

}  // namespace

void RollBack(Session& session, bool seen) {
  session.child = os::Process();  // killed and reaped
  const plan::Plan begun = BegunPart(session);  // asks session.cgroup
  session.slots.clear();
  session.cgroup.reset();
  // The reason of the failure is the caller's to report; what cannot be undone now is retried by Undo().
  const auto undo = [&] { return Undo(begun, session.hierarchies ? &*session.hierarchies : nullptr); };
  const bool visits = session.host_network >= 0;
  if (auto undone = visits ? os::VisitNetworkNamespace(session.host_network, undo) : undo(); !undone.ok()) {
    log::Warn("roll back", {{"container", session.plan.name}, {"error", undone.error().Message()}});
  }
  if (!seen) return;
  for (const Error& failed : RunPoststopHooks(session.plan)) {
    log::Warn("roll back", {{"container", session.plan.name}, {"error", failed.Message()}});
  }
}

struct Container::Rep {
  explicit Rep(plan::Plan plan) : session(std::move(plan)) {}
  Rep(const Rep&) = delete;
  Rep& operator=(const Rep&) = delete;
  ~Rep() {
    if (armed) RollBack(session, session.child.valid());
  }
  Session session;
  std::optional<Lowered> lowered;
  bool armed = true;
};

Container::Container(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
Container::Container(Container&&) noexcept = default;
Container& Container::operator=(Container&&) noexcept = default;
Container::~Container() = default;

Result<Container> Container::Create(const plan::Plan& plan, const LaunchOptions& options) {
  auto rep = std::make_unique<Rep>(plan);
  Session& session = rep->session;
  if (options.measure) session.trace = TRY(Trace::Create(ChildStepsOf(plan)));
  session.on_step = options.on_step;
  session.host_network = options.host_network;
  session.hierarchies = options.hierarchies;
  if (HasHooksInside(plan)) {
    session.document = TRY(os::MakeMemfd("state"));
    session.said = TRY(os::MakeMemfd("hook"));
  }
  TRY(Prepare(session));
  rep->lowered.emplace(Lower(session));
  TRY(Clone(session, *rep->lowered, options));
  if (options.meanwhile) TRY(options.meanwhile(session.child.pid()));
  TRY(WriteDocument(session, "creating"));
  TRY(RunBesideChild(session, *rep->lowered));
  TRY(WriteDocument(session, "created"));
  session.slots.clear();
  return Container(std::move(rep));
}

pid_t Container::pid() const { return rep_->session.child.pid(); }
int Container::pidfd() const { return rep_->session.child.pidfd(); }
os::UniqueFd Container::TakeTerminal() { return std::move(rep_->session.terminal); }
net::NameSockets Container::TakeNameSockets() { return std::move(rep_->session.names); }
os::UniqueFd Container::TakeProcfs() { return std::move(rep_->session.procfs); }
os::UniqueFd Container::TakeHostUse() { return std::move(rep_->session.host_use); }
std::shared_ptr<const Trace> Container::trace() const { return rep_->session.trace; }

Status Container::Start() {
  Session& session = rep_->session;
  TRY(Go(session));
  const std::optional<child::Report> report = TRY(NextReport(session));
  if (report.has_value()) {
    return ChildFailure(session.plan, rep_->lowered->plan_index.at(report->step), report->error, session.said.get());
  }
  session.sync.Reset();
  return RunPoststartHooks(session.plan, session.child.pid());
}

os::Process Container::Detach() {
  rep_->armed = false;
  return std::move(rep_->session.child);
}

Status RunPoststartHooks(const plan::Plan& plan, pid_t pid) {
  for (const plan::Step& step : plan.steps) {
    if (IsPoststart(step)) TRY_CTX(RunHook(plan, step, "running", pid), Subject(plan));
  }
  return Ok();
}

std::vector<Error> RunPoststopHooks(const plan::Plan& plan) {
  std::vector<Error> warnings;
  for (const plan::Step& step : plan.steps) {
    if (!IsPoststop(step)) continue;
    auto done = RunHook(plan, step, "stopped", 0);
    if (!done.ok()) warnings.push_back(std::move(done).error());
  }
  return warnings;
}

}  // namespace estiba::runtime
