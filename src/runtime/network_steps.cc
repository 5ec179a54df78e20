#include "network_steps.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "cni_steps.h"
#include "driver_steps.h"
#include "net/forwarding.h"
#include "net/host_use.h"
#include "net/inside.h"
#include "net/publish.h"
#include "net/repair.h"
#include "net/setup.h"
#include "net/user_network.h"
#include "network_operands.h"
#include "os/file.h"
#include "os/netns.h"
#include "runtime/container.h"
#include "session.h"

namespace estiba::runtime {
namespace {

using plan::Op;
using plan::Step;

constexpr const char* kFresh = ".new";  // of an endpoint's file: no name that is read

Status UseHost(Session& session, const Step& step) {
  session.host_use = TRY(net::UseHost(step.text.at(0)));
  return Ok();
}

Status Forwarding(const Step& step) {
  for (const std::uint64_t family : step.numbers)
    TRY(net::EnsureForwarding(step.text.at(0), family == 6 ? net::Family::kIpv6 : net::Family::kIpv4));
  return Ok();
}

// Whoever runs the plan has reached it before; without it the steps behind would be the host's.
Status CheckVisiting(const Step& step) {
  const os::UniqueFd here = TRY(os::OpenAt({AT_FDCWD}, "/proc/thread-self/ns/net", O_RDONLY));
  const os::UniqueFd host = TRY(os::OpenAt({AT_FDCWD}, "/proc/self/ns/user", O_RDONLY));
  const os::UniqueFd owner(::ioctl(here.get(), NS_GET_USERNS));
  struct stat ours {}, theirs {};
  const bool same = owner.valid() && ::fstat(owner.get(), &ours) == 0 && ::fstat(host.get(), &theirs) == 0 &&
                    ours.st_ino == theirs.st_ino;
  if (same) return Ok();
  return Error(Code::kFailedPrecondition, "the user's network of '" + step.text.at(0) + "' was not reached");
}

Status Veth(const Session& session, const Step& step) {
  const net::VethSpec veth = TRY(ParseVeth(step));
  const os::UniqueFd netns = TRY(OpenNetns(session));
  return net::AddVeth(veth, netns.get());
}

Status Upper(const Session& session, const Step& step) {
  const os::UniqueFd netns = TRY(OpenNetns(session));
  return AddUpper(step, netns.get());
}

Status Inside(Session& session, const Step& step) {
  const net::InsideSpec inside = TRY(ParseInside(step));
  if (!session.procfs.valid()) session.procfs = net::OpenProcfs();
  const os::UniqueFd netns = TRY(OpenNetns(session));
  return net::ConfigureInside(netns.get(), inside, session.procfs.get());
}

// By a temporary name that undoing knows, too.
Status WriteNames(const Step& step) {
  const std::string& path = step.text.at(0);
  const std::string fresh = path + kFresh;
  const os::UniqueFd file = TRY(os::OpenAt({AT_FDCWD}, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
  TRY(os::WriteAll(file.get(), step.blob));
  if (::rename(fresh.c_str(), path.c_str()) < 0) return Error::Errno(errno, "rename '" + fresh + "'");
  return Ok();
}

Status ForgetNames(const Step& step) {
  TRY(os::DeleteFile({AT_FDCWD}, step.text.at(0) + kFresh));
  return os::DeleteFile({AT_FDCWD}, step.text.at(0));
}

Status Names(Session& session, const Step& step) {
  const os::UniqueFd netns = TRY(OpenNetns(session));
  if (!step.numbers.empty() && step.numbers[0] != 0) TRY(net::BringLoopbackUp(netns.get()));
  session.names = TRY(net::OpenNameSockets(netns.get()));
  return WriteNames(step);
}

Status DefaultRoute(const Session& session, const Step& step) {
  const Ip gateway = TRY(ParseIp(step.text.at(1)));
  const os::UniqueFd netns = TRY(OpenNetns(session));
  return net::ReplaceDefaultRoute(netns.get(), step.text.at(0), gateway);
}

// Steps with something in the host's tables. All may be repeated while the container runs.
bool IsRuleStep(Op op) { return op == Op::kEnsureTable || op == Op::kEnsureBridge || op == Op::kPublishPorts; }

Status RunRuleStep(const Step& step, bool repair = false) {
  if (step.op == Op::kEnsureTable) return net::EnsureTable(repair);
  if (step.op == Op::kEnsureBridge) {
    const net::BridgeSpec bridge = TRY(ParseBridge(step));
    return repair ? net::RepairBridge(bridge) : net::EnsureBridge(bridge);
  }
  const std::vector<net::PublishedPort> ports = TRY(ParsePorts(step));
  return net::AddPublished(ports);
}

}  // namespace

bool MakesRules(const plan::Plan& plan) { return std::ranges::any_of(plan.steps, IsRuleStep, &Step::op); }

Status RestoreRules(const plan::Plan& plan) {
  for (const Step& step : plan.steps) {
    if (step.op == Op::kUserNetwork) TRY(net::EnsureRelayRules());
    if (IsRuleStep(step.op)) TRY(RunRuleStep(step, /*repair=*/true));
  }
  return Ok();
}

Status ClearHost(const plan::Plan& plan) {
  for (const Step& step : plan.steps) {
    if (step.op == Op::kUseHost) TRY(net::ClearHost(step.text.at(0), step.text.at(1)));
  }
  return Ok();
}

Status TellNames(const plan::Plan& plan) {
  for (const Step& step : plan.steps) {
    if (step.op == Op::kServeNames) TRY(WriteNames(step));
  }
  return Ok();
}

Status RunNetworkStep(Session& session, const Step& step) {
  if (IsRuleStep(step.op)) return RunRuleStep(step);
  switch (step.op) {
    case Op::kAddVeth: return Veth(session, step);
    case Op::kEnsureParent: return EnsureParent(step);
    case Op::kEnsureBridgeLink: return EnsureBridgeLink(step);
    case Op::kJoinVlan: return JoinVlan(step);
    case Op::kAddUpper: return Upper(session, step);
    case Op::kConfigureInside: return Inside(session, step);
    case Op::kServeNames: return Names(session, step);
    case Op::kUseHost: return UseHost(session, step);
    case Op::kForwarding: return Forwarding(step);
    case Op::kRelayPorts: return Ok();  // the monitor's to see to
    case Op::kUserNetwork: return CheckVisiting(step);
    case Op::kWriteNames: return WriteNames(step);
    case Op::kCniAdd: return AttachByCni(step, session.child.pid());
    case Op::kDefaultRoute: return DefaultRoute(session, step);
    default: break;
  }
  return Error(Code::kNotImplemented, "step '" + std::string(plan::OpName(step.op)) + "' is not one of networks");
}

// A user's containers have what they share in a namespace of the user's.
Status RunWhereItBelongs(Session& session, const Step& step) {
  if (session.host_network < 0) return RunNetworkStep(session, step);
  return os::VisitNetworkNamespace(session.host_network, [&] { return RunNetworkStep(session, step); });
}

Status UndoNetworkStep(const Step& step, Then then) {
  switch (step.op) {
    case Op::kCniDel: return DetachByCni(step);
    case Op::kDeleteUpper: return DeleteUpper(step);
    case Op::kDeleteVeth:
      return then == Then::kEnd ? net::DeleteVethAtEnd(step.text.at(0)) : net::DeleteVeth(step.text.at(0));
    case Op::kForgetNames: return ForgetNames(step);
    case Op::kUnpublishPorts: {
      const std::vector<net::PublishedPort> ports = TRY(ParsePorts(step));
      return net::DeletePublished(ports);
    }
    default: break;
  }
  return Error(Code::kNotImplemented, "undo step '" + std::string(plan::OpName(step.op)) + "' is not known here");
}

void CarryOutNetworks() { network_steps = {RunWhereItBelongs, UndoNetworkStep}; }

}  // namespace estiba::runtime
