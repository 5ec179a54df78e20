#include "network_steps.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include <fcntl.h>

#include "base/parse.h"
#include "base/text.h"
#include "driver_steps.h"
#include "net/forwarding.h"
#include "net/host_use.h"
#include "net/publish.h"
#include "net/setup.h"
#include "os/file.h"
#include "runtime/container.h"
#include "session.h"

namespace estiba::runtime {
namespace {

using plan::Op;
using plan::Step;

constexpr const char* kFresh = ".new";  // of an endpoint's file: no name that is read

std::vector<std::string> Words(const std::string& text) {
  return text.empty() ? std::vector<std::string>() : Split(text, ' ');
}

Result<std::vector<IpPrefix>> ParsePrefixes(const std::string& text) {
  std::vector<IpPrefix> prefixes;
  for (const std::string& word : Words(text)) prefixes.push_back(TRY(ParseIpPrefix(word)));
  return prefixes;
}

// As earlier engines wrote it: the gateway alone, and the subnet behind it.
bool IsOldForm(const Step& step) { return !step.text.at(1).empty() && !step.text[1].contains('/'); }

std::uint64_t NumberAt(const Step& step, std::size_t at) { return at < step.numbers.size() ? step.numbers[at] : 0; }

Result<net::GatewayMode> Mode(std::uint64_t number) {
  if (number > static_cast<std::uint64_t>(net::GatewayMode::kIsolated))
    return Error(Code::kDataLoss, "gateway mode " + std::to_string(number) + " is not known");
  return static_cast<net::GatewayMode>(number);
}

Result<std::vector<IpPrefix>> Gateways(const Step& step) {
  const std::string& text = step.text.at(1);
  if (!IsOldForm(step)) return ParsePrefixes(text);
  const IpPrefix subnet = TRY(ParseIpPrefix(step.text.at(2)));
  const Ip gateway = TRY(ParseIp(text));
  return std::vector<IpPrefix>{{gateway, subnet.length}};
}

Status Bridge(const Step& step) {
  net::BridgeSpec bridge;
  bridge.name = step.text.at(0);
  bridge.gateways = TRY(Gateways(step));
  bridge.mtu = static_cast<unsigned>(step.numbers.at(0));
  bridge.masquerade = step.numbers.at(1) != 0;
  bridge.connects = (NumberAt(step, 2) & plan::kBridgeApart) == 0;
  bridge.internal = (NumberAt(step, 2) & plan::kBridgeInternal) != 0;
  bridge.mode_ipv4 = TRY(Mode(NumberAt(step, 3)));
  bridge.mode_ipv6 = TRY(Mode(NumberAt(step, 4)));
  if (!IsOldForm(step) && step.text.size() > 2) {
    bridge.bare = TRY(ParsePrefixes(step.text[2]));
    bridge.trusted.assign(step.text.begin() + 3, step.text.end());
  }
  return net::EnsureBridge(bridge);
}

Status UseHost(Session& session, const Step& step) {
  session.host_use = TRY(net::UseHost(step.text.at(0)));
  return Ok();
}

Status Forwarding(const Step& step) {
  for (const std::uint64_t family : step.numbers)
    TRY(net::EnsureForwarding(step.text.at(0), family == 6 ? net::Family::kIpv6 : net::Family::kIpv4));
  return Ok();
}

Result<os::UniqueFd> OpenNetns(const Session& session) {
  if (session.netns >= 0) return os::Duplicate(session.netns);
  return os::OpenAt({AT_FDCWD}, "/proc/" + std::to_string(session.child.pid()) + "/ns/net", O_RDONLY);
}

Status Veth(const Session& session, const Step& step) {
  net::VethSpec veth;
  veth.bridge = step.text.at(0);
  veth.host_name = step.text.at(1);
  veth.container_name = step.text.at(2);
  veth.mac = TRY(net::ParseMac(step.text.at(3)));
  veth.mtu = static_cast<unsigned>(step.numbers.at(0));
  veth.isolated = NumberAt(step, 1) != 0;
  const os::UniqueFd netns = TRY(OpenNetns(session));
  return net::AddVeth(veth, netns.get());
}

Status Upper(const Session& session, const Step& step) {
  const os::UniqueFd netns = TRY(OpenNetns(session));
  return AddUpper(step, netns.get());
}

Status Inside(const Session& session, const Step& step) {
  net::InsideSpec inside;
  inside.name = step.text.at(0);
  inside.addresses = TRY(ParsePrefixes(step.text.at(1)));
  for (const std::string& word : Words(step.text.at(2))) inside.gateways.push_back(TRY(ParseIp(word)));
  for (std::size_t i = 3; i < step.text.size(); ++i) {
    const std::size_t equals = step.text[i].find('=');
    if (equals == std::string::npos) return Error(Code::kDataLoss, "setting '" + step.text[i] + "' cannot be read");
    inside.sysctls.emplace_back(step.text[i].substr(0, equals), step.text[i].substr(equals + 1));
  }
  const os::UniqueFd netns = TRY(OpenNetns(session));
  return net::ConfigureInside(netns.get(), inside);
}

Status Move(const Session& session, const Step& step) {
  const int joined = session.In(step);
  os::UniqueFd own;
  if (joined < 0) own = TRY(OpenNetns(session));
  return net::MoveLink(step.text.at(0), step.text.at(1), joined < 0 ? own.get() : joined);
}

Status Names(Session& session, const Step& step) {
  const os::UniqueFd netns = TRY(OpenNetns(session));
  session.names = TRY(net::OpenNameSockets(netns.get()));
  return WriteNames(step);
}

Status DefaultRoute(const Session& session, const Step& step) {
  const Ip gateway = TRY(ParseIp(step.text.at(1)));
  const os::UniqueFd netns = TRY(OpenNetns(session));
  return net::ReplaceDefaultRoute(netns.get(), step.text.at(0), gateway);
}

struct Socket {
  Ip ip;
  std::uint16_t port = 0;
};

Result<Socket> ParseSocket(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return Error(Code::kDataLoss, "address '" + text + "' cannot be read");
  Socket socket;
  std::string_view address = std::string_view(text).substr(0, colon);
  if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
  socket.ip = TRY(ParseIp(address));
  socket.port = static_cast<std::uint16_t>(TRY(ParseUint(text.substr(colon + 1), 65535)));
  return socket;
}

// Steps with something in the host's tables. All may be repeated while the container runs.
bool IsRuleStep(Op op) { return op == Op::kEnsureTable || op == Op::kEnsureBridge || op == Op::kPublishPorts; }

Status RunRuleStep(const Step& step, bool repair = false) {
  if (step.op == Op::kEnsureTable) return net::EnsureTable(repair);
  if (step.op == Op::kEnsureBridge) return Bridge(step);
  const std::vector<net::PublishedPort> ports = TRY(ParsePorts(step));
  return net::AddPublished(ports);
}

}  // namespace

// By a temporary name that undoing knows, too.
Status WriteNames(const Step& step) {
  const std::string& path = step.text.at(0);
  const std::string fresh = path + kFresh;
  const os::UniqueFd file = TRY(os::OpenAt({AT_FDCWD}, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
  TRY(os::WriteAll(file.get(), step.blob));
  if (::rename(fresh.c_str(), path.c_str()) < 0) return Error::Errno(errno, "rename '" + fresh + "'");
  return Ok();
}

bool MakesRules(const plan::Plan& plan) { return std::ranges::any_of(plan.steps, IsRuleStep, &Step::op); }

Status RestoreRules(const plan::Plan& plan) {
  for (const Step& step : plan.steps) {
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

Status ForgetNames(const Step& step) {
  TRY(os::DeleteFile({AT_FDCWD}, step.text.at(0) + kFresh));
  return os::DeleteFile({AT_FDCWD}, step.text.at(0));
}

Result<std::vector<net::PublishedPort>> ParsePorts(const Step& step) {
  std::vector<net::PublishedPort> ports;
  for (const std::string& text : step.text) {
    const std::vector<std::string> words = Split(text, ' ');
    if (words.size() != 3) return Error(Code::kDataLoss, "published port '" + text + "' cannot be read");
    const Socket host = TRY(ParseSocket(words[0]));
    const Socket container = TRY(ParseSocket(words[1]));
    net::PublishedPort port;
    port.protocol = TRY(net::ParseProtocol(words[2]));
    port.host_ip = host.ip;
    port.host_port = host.port;
    port.container_ip = container.ip;
    port.container_port = container.port;
    ports.push_back(port);
  }
  return ports;
}

Status RunNetworkStep(Session& session, const Step& step) {
  if (IsRuleStep(step.op)) return RunRuleStep(step);
  switch (step.op) {
    case Op::kAddVeth: return Veth(session, step);
    case Op::kEnsureParent: return EnsureParent(step);
    case Op::kAddUpper: return Upper(session, step);
    case Op::kMoveLink: return Move(session, step);
    case Op::kConfigureInside: return Inside(session, step);
    case Op::kServeNames: return Names(session, step);
    case Op::kUseHost: return UseHost(session, step);
    case Op::kForwarding: return Forwarding(step);
    case Op::kWriteNames: return WriteNames(step);
    case Op::kDefaultRoute: return DefaultRoute(session, step);
    default: break;
  }
  return Error(Code::kNotImplemented, "step '" + std::string(plan::OpName(step.op)) + "' is not one of networks");
}

}  // namespace estiba::runtime
