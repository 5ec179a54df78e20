#pragma once
// One plan being carried out: what its steps opened, made and found out so far.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/result.h"
#include "cgroup/cgroup.h"
#include "cgroup/hierarchy.h"
#include "net/setup.h"
#include "os/fd.h"
#include "os/passwd.h"
#include "os/process.h"
#include "plan/explain.h"
#include "plan/plan.h"
#include "runtime/trace.h"

namespace estiba::runtime {

struct Session {
  explicit Session(plan::Plan p) : plan(std::move(p)), slots(plan.slots), executed(plan.steps.size()) {}

  plan::Plan plan;
  std::vector<os::UniqueFd> slots;
  std::vector<bool> executed;  // host steps that were begun: what roll-back looks at
  std::optional<cgroup::Hierarchies> hierarchies;
  std::optional<cgroup::Cgroup> cgroup;
  bool anothers_scope = false;  // the unit was there, with somebody else's processes
  std::optional<os::ResolvedUser> user;
  os::UniqueFd document;       // memfd: the state document of hooks inside
  os::UniqueFd said;           // memfd: what hooks inside print
  os::UniqueFd root_of_exec;   // /proc/PID/root, for exec
  pid_t init = -1;             // the container's PID 1, for exec
  os::Process child;
  int netns = -1;              // borrowed: of a container that runs already; below 0: the child's
  int host_network = -1;       // borrowed: as of LaunchOptions
  os::UniqueFd sync;           // our end
  os::UniqueFd terminal;
  net::NameSockets names;
  os::UniqueFd procfs;         // what the network's settings were written through (net::OpenProcfs)
  os::UniqueFd host_use;       // while it is held, what bridged containers share stays
  std::shared_ptr<Trace> trace;  // null: nothing is measured
  std::function<void()> on_step;

  // What `step.in[index]` holds; -1 when nothing does.
  int In(const plan::Step& step, std::size_t index = 0) const;
  void Fill(const plan::Step& step, os::UniqueFd fd);
  void Measured(std::size_t step, std::chrono::nanoseconds duration) {
    if (trace != nullptr) trace->Add(step, duration);
  }
  void Stepped() const {
    if (on_step) on_step();
  }
  // "start container 'web'" or "exec in container 'web'".
  std::string Subject() const;
};

// ---- host_steps.cc: one step of the parent ----
Status RunHostStep(Session& session, const plan::Step& step);
// All of `where` from `first` up to (not including) `last`, measured and marked.
Status RunHostSteps(Session& session, plan::Where where, std::size_t first, std::size_t last);
Result<const cgroup::Hierarchies*> HierarchiesOf(Session& session);

enum class Then;  // runtime/container.h
// Steps for networks of containers, and their undoing; null without CarryOutNetworks().
struct NetworkSteps {
  Status (*run)(Session&, const plan::Step&) = nullptr;
  Status (*undo)(const plan::Step&, Then) = nullptr;
};
extern NetworkSteps network_steps;

// ---- storage_steps.cc, cgroup_steps.cc, network_steps.cc, user.cc, copy_up.cc, hooks.cc ----
Status MountImage(Session& session, const plan::Step& step);
Status MountOverlay(Session& session, const plan::Step& step);
Status OpenRoot(Session& session, const plan::Step& step);
Status OpenTree(Session& session, const plan::Step& step);
Status MountFilesystem(Session& session, const plan::Step& step);
Status OpenNamespace(Session& session, const plan::Step& step);
Status MakeIdMap(Session& session, const plan::Step& step);
Status RunCgroupStep(Session& session, const plan::Step& step);
Status MoveLink(const Session& session, const plan::Step& step);
Result<os::UniqueFd> OpenNetns(const Session& session);  // the container's
Status JoinResctrl(Session& session, const plan::Step& step);  // resctrl_steps.cc
Status ResolveUser(Session& session, const plan::Step& step);
Status CopyUp(Session& session, const plan::Step& step);
std::string StateDocument(const plan::Plan& plan, const char* status, pid_t pid);
// Hands the listener of the plan's step, a kSendSeccompListener, to the agent that it names.
Status SendListener(const Session& session, const plan::Step& step, int listener);
// "exit status 1", "signal: bad system call".
std::string EndText(int code, int signal);
// ", output: …": the first of what a hook printed into that file; empty when it is none.
std::string WhatWasSaid(int output);
Status RunHook(const plan::Plan& plan, const plan::Step& step, const char* status, pid_t pid);

// ---- container.cc ----
// Ends session.child and takes back what was begun; runs the poststop hooks when others may have `seen` the container.
void RollBack(Session& session, bool seen);

// ---- failure.cc ----
// The step of the plan that is the child's number `child_step`; nothing when it has no so many.
std::optional<std::size_t> PlanIndexOf(const plan::Plan& plan, std::uint32_t child_step);
Error HostFailure(const Session& session, const plan::Step& step, Error error);
// `said`: what the child's hooks printed, or -1.
Error ChildFailure(const plan::Plan& plan, std::uint32_t step, std::int32_t error, int said = -1);
std::string Subject(const plan::Plan& plan);
// "hooks.prestart[1]: error running prestart hook #1: 'PROGRAM': ", in runc's words, which callers know.
std::string HookText(const plan::Step& step);

}  // namespace estiba::runtime
