#include "executor.h"

#include <utility>

#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netlink.h>
#include <unistd.h>

#include "net/topology.h"
#include "os/file.h"
#include "os/netns.h"
#include "os/process.h"
#include "rules.h"

namespace estiba::lab {
namespace {

std::vector<std::string> Environment() {
  std::vector<std::string> variables;
  for (char** one = environ; *one != nullptr; ++one) variables.emplace_back(*one);
  return variables;
}

Result<int> RunIn(int ns, const std::string& command) {
  os::SpawnOptions options;
  options.program = "/bin/sh";
  options.argv = {"sh", "-c", command};
  options.env = Environment();
  options.fds = {{STDOUT_FILENO, STDOUT_FILENO}, {STDERR_FILENO, STDERR_FILENO}};
  options.cwd = TRY(os::ReadLink("/proc/self/cwd"));
  os::Process process;
  // A program begins in the network of who starts it.
  const auto start = [&]() -> Status {
    process = TRY(os::Spawn(options));
    return Ok();
  };
  TRY(os::AsResident(ns, start));
  return TRY(process.Wait()).ToShell();
}

}  // namespace

std::string WrongPlace(const Lab& lab, unsigned line) { return lab.file + ":" + std::to_string(line) + ": "; }

std::string Executor::PathOf(std::size_t node) const { return places_.names + "/" + lab_.Namespace(node); }

Status Executor::Enter(std::size_t node) {
  if (node == node_ && socket_) return Ok();
  node_ = node;
  socket_.reset();
  ns_ = TRY(OpenNode(lab_, node, places_));
  socket_ = TRY(net::OpenSocketIn(ns_.get(), NETLINK_ROUTE));
  return Ok();
}

Result<os::NetlinkSocket> Executor::Netfilter() const { return net::OpenSocketIn(ns_.get(), NETLINK_NETFILTER); }

// Every end first, for the state of a port follows that of the other end.
Status Executor::Settle() {
  for (unsigned round = 0; round < 2; ++round)
    for (const Link& link : lab_.links)
      for (const End& end : link.ends) {
        TRY(Enter(end.node));
        TRY(net::SettleLink(*socket_, end.interface));
      }
  return Ok();
}

Status Executor::Run() {
  bool rising = false;
  for (const Operation& operation : MakePlan(lab_)) {
    // Everything is up before the first route and command.
    const bool was_rising = std::exchange(rising, std::holds_alternative<BringUp>(operation.what));
    if (was_rising && !rising) TRY(Settle());
    // What is about to be made cannot be entered.
    const bool makes =
        std::holds_alternative<MakeNamespace>(operation.what) || std::holds_alternative<MakeContainer>(operation.what);
    node_ = makes ? operation.node : node_;
    if (!makes) TRY(Enter(operation.node));
    auto status = std::visit([this](const auto& what) { return (*this)(what); }, operation.what);
    if (!status.ok())
      return std::move(status).error().Context(WrongPlace(lab_, operation.line) + "node '" +
                                               lab_.nodes[operation.node].name + "'");
  }
  return rising ? Settle() : Ok();
}

Status Executor::operator()(const MakeNamespace&) {
  const os::UniqueFd made = TRY(os::CreateNetworkNamespace());
  return os::NameNamespace(made.get(), PathOf(node_));
}

Status Executor::operator()(const MakeContainer& container) {
  const pid_t pid = TRY(containers_.Start(lab_.Namespace(node_), lab_.name, container.image, container.command));
  const os::UniqueFd ns =
      TRY_CTX(os::OpenAt({AT_FDCWD}, "/proc/" + std::to_string(pid) + "/ns/net", O_RDONLY), "the container has ended");
  return os::NameNamespace(ns.get(), PathOf(node_));
}

Status Executor::operator()(const SetSysctl& sysctl) { return net::SetSysctlIn(ns_.get(), sysctl.key, sysctl.value); }

Status Executor::operator()(const MakeBridge& bridge) {
  return net::AddBridge(*socket_, std::string(kBridge), bridge.stp ? std::optional(kForwardDelay) : std::nullopt);
}

Status Executor::operator()(const MakePair& pair) {
  const os::UniqueFd peer = TRY(OpenNode(lab_, pair.peer_node, places_));
  return net::AddPair(*socket_, {pair.interface, pair.mac, pair.peer, pair.peer_mac, pair.mtu}, peer.get());
}

Status Executor::operator()(const JoinBridge& join) {
  return net::SetMaster(*socket_, join.interface, std::string(kBridge));
}

Status Executor::operator()(const AddAddress& add) {
  return net::AddInterfaceAddress(*socket_, add.interface, add.address);
}

Status Executor::operator()(const Shape& shape) {
  if (shape.delay_us != 0)
    return net::AddDelay(*socket_, shape.interface, {shape.delay_us, shape.jitter_us, shape.rate});
  const Bucket bucket = BucketFor(shape.rate, shape.mtu);
  return net::AddTokenBucket(*socket_, shape.interface, shape.rate, bucket.burst, bucket.limit);
}

Status Executor::operator()(const Lose& lose) {
  os::NetlinkSocket netfilter = TRY(Netfilter());
  os::NftBatch batch(NFPROTO_NETDEV);
  PutLoss(batch, lose);
  return batch.Commit(netfilter, "lose packets that come in by '" + lose.interface + "'");
}

Status Executor::operator()(const AddRules&) {
  os::NetlinkSocket netfilter = TRY(Netfilter());
  os::NftBatch batch(NFPROTO_INET);
  PutRules(batch, lab_.nodes[node_]);
  return batch.Commit(netfilter, "add nft rules");
}

Status Executor::operator()(const BringUp& up) { return net::BringUp(*socket_, up.interface); }

Status Executor::operator()(const AddRoute& add) { return net::AddGatewayRoute(*socket_, add.route.to, add.route.via); }

Status Executor::operator()(const RunCommand& run) {
  const bool bare = lab_.nodes[node_].image.empty();
  auto ended = bare ? RunIn(ns_.get(), run.command.text) : containers_.Run(lab_.Namespace(node_), run.command.text);
  const int code = TRY(std::move(ended));
  if (code == 0) return Ok();
  return Error(Code::kFailedPrecondition, "'" + run.command.text + "' ended with " + std::to_string(code))
      .Hint("the lab has been taken down again; mend the command, or let it end in '|| true'");
}

Status CheckKernel(const Lab& lab) {
  std::optional<os::NetlinkSocket> socket;
  bool rate = false, delay = false;
  for (const Link& link : lab.links) {
    if ((link.delay_us == 0 || delay) && (link.rate == 0 || link.delay_us != 0 || rate)) continue;
    // A namespace of its own for each try: a link has one root queue.
    const os::UniqueFd scratch = TRY(os::CreateNetworkNamespace());
    socket = TRY(net::OpenSocketIn(scratch.get(), NETLINK_ROUTE));
    auto status = link.delay_us != 0 ? net::AddDelay(*socket, "lo", {link.delay_us, link.jitter_us, link.rate})
                                     : net::AddTokenBucket(*socket, "lo", 8'000'000, 20'000, 40'000);
    if (!status.ok() && status.error().code() == Code::kNotImplemented)
      return Error(Code::kNotImplemented,
                   WrongPlace(lab, link.line) + "this kernel has no " +
                       (link.delay_us != 0 ? "netem (CONFIG_NET_SCH_NETEM), so it cannot delay a link"
                                           : "tbf (CONFIG_NET_SCH_TBF), so it cannot slow a link down"))
          .Hint(link.delay_us != 0 ? "take 'delay' and 'jitter' out ('rate' and 'loss' work without it), or use "
                                     "a kernel that has it"
                                   : "take 'rate' out, or use a kernel that has it");
    TRY(std::move(status));
    (link.delay_us != 0 ? delay : rate) = true;
  }
  return Ok();
}

}  // namespace estiba::lab
