#include "network_operands.h"

#include "base/text.h"

namespace estiba::runtime {
namespace {

using plan::Step;

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

}  // namespace

Result<net::BridgeSpec> ParseBridge(const Step& step) {
  net::BridgeSpec bridge;
  bridge.name = step.text.at(0);
  bridge.gateways = TRY(Gateways(step));
  bridge.mtu = static_cast<unsigned>(step.numbers.at(0));
  bridge.masquerade = step.numbers.at(1) != 0;
  bridge.connects = (NumberAt(step, 2) & plan::kBridgeApart) == 0;
  bridge.internal = (NumberAt(step, 2) & plan::kBridgeInternal) != 0;
  bridge.mode_ipv4 = TRY(Mode(NumberAt(step, 3)));
  bridge.mode_ipv6 = TRY(Mode(NumberAt(step, 4)));
  for (const std::string& word : Words(step.blob)) {
    const Ip source = TRY(ParseIp(word));
    (source.v6 ? bridge.source_ipv6 : bridge.source_ipv4) = source;
  }
  if (!IsOldForm(step) && step.text.size() > 2) {
    bridge.bare = TRY(ParsePrefixes(step.text[2]));
    bridge.trusted.assign(step.text.begin() + 3, step.text.end());
  }
  return bridge;
}

Result<net::VethSpec> ParseVeth(const Step& step) {
  net::VethSpec veth;
  veth.bridge = step.text.at(0);
  veth.host_name = step.text.at(1);
  veth.container_name = step.text.at(2);
  veth.mac = TRY(net::ParseMac(step.text.at(3)));
  veth.mtu = static_cast<unsigned>(step.numbers.at(0));
  veth.isolated = NumberAt(step, 1) != 0;
  return veth;
}

Result<net::InsideSpec> ParseInside(const Step& step) {
  net::InsideSpec inside;
  inside.name = step.text.at(0);
  inside.addresses = TRY(ParsePrefixes(step.text.at(1)));
  for (const std::string& word : Words(step.text.at(2))) inside.gateways.push_back(TRY(ParseIp(word)));
  for (std::size_t i = 3; i < step.text.size(); ++i) {
    const std::size_t equals = step.text[i].find('=');
    if (equals == std::string::npos) return Error(Code::kDataLoss, "setting '" + step.text[i] + "' cannot be read");
    inside.sysctls.emplace_back(step.text[i].substr(0, equals), step.text[i].substr(equals + 1));
  }
  return inside;
}

Result<std::vector<net::PublishedPort>> ParsePorts(const Step& step) {
  std::vector<net::PublishedPort> ports;
  for (const std::string& line : step.text) ports.push_back(TRY(net::ParseLine(line)));
  return ports;
}

}  // namespace estiba::runtime
