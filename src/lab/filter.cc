#include <netinet/in.h>

#include "base/parse.h"
#include "lab/capture.h"

namespace estiba::lab {
namespace {

constexpr std::uint16_t kEtherIp = 0x0800, kEtherArp = 0x0806, kEtherIp6 = 0x86dd;

// What of a packet the words ask for.
struct Facts {
  std::uint16_t ether = 0;
  int protocol = -1;
  std::optional<Ip> source, destination;
  std::optional<std::uint16_t> source_port, destination_port;
};

std::uint16_t At16(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>(static_cast<unsigned char>(bytes[at]) << 8 |
                                    static_cast<unsigned char>(bytes[at + 1]));
}

Ip AddressAt(std::string_view bytes, std::size_t at, bool v6) {
  Ip ip{v6, {}};
  for (std::size_t i = 0; i < (v6 ? 16U : 4U); ++i) ip.bytes[i] = static_cast<std::uint8_t>(bytes[at + i]);
  return ip;
}

void ReadPorts(std::string_view body, Facts& facts) {
  if ((facts.protocol != IPPROTO_TCP && facts.protocol != IPPROTO_UDP) || body.size() < 4) return;
  facts.source_port = At16(body, 0);
  facts.destination_port = At16(body, 2);
}

void ReadIp(std::string_view packet, Facts& facts) {
  if (packet.size() < 20) return;
  const std::size_t head = std::size_t{static_cast<unsigned char>(packet[0]) & 0x0fU} * 4;
  facts.protocol = static_cast<unsigned char>(packet[9]);
  facts.source = AddressAt(packet, 12, false);
  facts.destination = AddressAt(packet, 16, false);
  const bool first = (At16(packet, 6) & 0x1fff) == 0;
  if (first && head >= 20 && packet.size() > head) ReadPorts(packet.substr(head), facts);
}

// Extension headers are not followed: nothing of a lab makes them.
void ReadIp6(std::string_view packet, Facts& facts) {
  if (packet.size() < 40) return;
  facts.protocol = static_cast<unsigned char>(packet[6]);
  facts.source = AddressAt(packet, 8, true);
  facts.destination = AddressAt(packet, 24, true);
  ReadPorts(packet.substr(40), facts);
}

void ReadArp(std::string_view packet, Facts& facts) {
  if (packet.size() < 28) return;
  facts.source = AddressAt(packet, 14, false);
  facts.destination = AddressAt(packet, 24, false);
}

Facts ReadFrame(std::string_view frame) {
  Facts facts;
  if (frame.size() < 14) return facts;
  facts.ether = At16(frame, 12);
  const std::string_view packet = frame.substr(14);
  if (facts.ether == kEtherIp) ReadIp(packet, facts);
  if (facts.ether == kEtherIp6) ReadIp6(packet, facts);
  if (facts.ether == kEtherArp) ReadArp(packet, facts);
  return facts;
}

bool IsOf(const Facts& facts, const std::string& protocol) {
  if (protocol == "arp") return facts.ether == kEtherArp;
  if (protocol == "ip") return facts.ether == kEtherIp;
  if (protocol == "ip6") return facts.ether == kEtherIp6;
  if (protocol == "icmp") return facts.ether == kEtherIp && facts.protocol == IPPROTO_ICMP;
  if (protocol == "icmp6") return facts.ether == kEtherIp6 && facts.protocol == IPPROTO_ICMPV6;
  if (protocol == "tcp") return facts.protocol == IPPROTO_TCP;
  return facts.protocol == IPPROTO_UDP;
}

bool IsProtocol(const std::string& word) {
  for (const char* one : {"arp", "ip", "ip6", "icmp", "icmp6", "tcp", "udp"})
    if (word == one) return true;
  return false;
}

}  // namespace

Result<CaptureFilter> ParseFilter(const std::vector<std::string>& words) {
  CaptureFilter filter;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string operand = i + 1 < words.size() ? words[i + 1] : "";
    if (IsProtocol(words[i]) && filter.protocol.empty()) {
      filter.protocol = words[i];
    } else if (words[i] == "host" && !filter.host) {
      filter.host = TRY(ParseIp(operand));
      ++i;
    } else if (words[i] == "port" && !filter.port) {
      const auto port = ParseUint(operand, 65535);
      if (!port.ok()) return Error(Code::kInvalidArgument, "'" + operand + "' is no port");
      filter.port = static_cast<std::uint16_t>(*port);
      ++i;
    } else {
      return Error(Code::kInvalidArgument, "'" + words[i] + "' does not belong into a filter, or not twice")
          .Hint(
              "there are arp, ip, ip6, icmp, icmp6, tcp, udp, 'host ADDRESS' and 'port NUMBER', all of which must "
              "hold; "
              "for more, filter what is captured: estiba lab capture … | tcpdump -r - FILTER");
    }
  }
  return filter;
}

bool Matches(const CaptureFilter& filter, std::string_view frame) {
  const Facts facts = ReadFrame(frame);
  if (!filter.protocol.empty() && !IsOf(facts, filter.protocol)) return false;
  if (filter.host && facts.source != filter.host && facts.destination != filter.host) return false;
  return !filter.port || facts.source_port == filter.port || facts.destination_port == filter.port;
}

}  // namespace estiba::lab
