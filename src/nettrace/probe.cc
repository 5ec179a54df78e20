#include "probe.h"

#include <endian.h>
#include <netinet/in.h>

namespace estiba::nettrace {
namespace {

constexpr std::uint8_t kTtl = 64;
constexpr std::size_t kIpv4Header = 20, kIpv6Header = 40;
constexpr std::uint8_t kSyn = 0x02;
constexpr std::uint8_t kEcho4 = 8, kEcho6 = 128;

void Put16(std::string& out, std::uint16_t value) {
  out += static_cast<char>(value >> 8);
  out += static_cast<char>(value & 0xff);
}
void Put32(std::string& out, std::uint32_t value) {
  Put16(out, static_cast<std::uint16_t>(value >> 16));
  Put16(out, static_cast<std::uint16_t>(value & 0xffff));
}
std::uint16_t Get16(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>(static_cast<unsigned char>(bytes[at]) << 8 |
                                    static_cast<unsigned char>(bytes[at + 1]));
}

// RFC 1071, of an even number of bytes.
std::uint16_t Checksum(std::string_view bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) sum += Get16(bytes, i);
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}
// CRC32c, as RFC 9260 appendix A has it.
std::uint32_t Crc32c(std::string_view bytes) {
  std::uint32_t crc = ~0U;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82f63b78U : 0U);
  }
  return ~crc;
}

void Set16(std::string& bytes, std::size_t at, std::uint16_t value) {
  bytes[at] = static_cast<char>(value >> 8);
  bytes[at + 1] = static_cast<char>(value & 0xff);
}

struct Transport {
  std::string bytes;
  std::size_t checksum = 0;  // where it belongs; 0: it is there
};

// An INIT (RFC 9260, 3.3.2), alone in its packet.
std::string MakeSctp(const Flow& flow, std::uint32_t token) {
  constexpr std::uint32_t kWindow = 106496;
  constexpr std::size_t kChecksum = 8;
  std::string out;
  Put16(out, flow.source_port);
  Put16(out, flow.port);
  Put32(out, 0);  // verification tag: there is none yet
  Put32(out, 0);  // checksum
  Put16(out, 0x0100);  // INIT, no flags
  Put16(out, 20);      // its length
  Put32(out, token);   // initiate tag
  Put32(out, kWindow);
  Put16(out, 10);  // streams out
  Put16(out, 65535);
  Put32(out, 1);  // first TSN
  const std::uint32_t checksum = Crc32c(out);
  for (unsigned i = 0; i < 4; ++i) out[kChecksum + i] = static_cast<char>(checksum >> 8 * i & 0xff);
  return out;
}

Transport MakeTransport(const Flow& flow, std::uint32_t token) {
  Transport made;
  if (flow.protocol == Protocol::kSctp) made.bytes = MakeSctp(flow, token);
  if (flow.protocol == Protocol::kSctp) return made;
  if (flow.protocol == Protocol::kPing) {
    made.bytes += static_cast<char>(flow.destination.v6 ? kEcho6 : kEcho4);
    made.bytes += '\0';
    Put16(made.bytes, 0);  // checksum
    Put16(made.bytes, flow.source_port);
    Put16(made.bytes, 1);
    Put32(made.bytes, token);
    made.checksum = 2;
    return made;
  }
  Put16(made.bytes, flow.source_port);
  Put16(made.bytes, flow.port);
  if (flow.protocol == Protocol::kUdp) {
    Put16(made.bytes, 12);  // length
    Put16(made.bytes, 0);
    Put32(made.bytes, token);
    made.checksum = 6;
    return made;
  }
  Put32(made.bytes, token);  // sequence number
  Put32(made.bytes, 0);
  made.bytes += static_cast<char>(6 << 4);  // words of header
  made.bytes += static_cast<char>(kSyn);
  Put16(made.bytes, 64240);  // window
  Put16(made.bytes, 0);
  Put16(made.bytes, 0);
  made.bytes.append("\2\4\5\xb4", 4);  // MSS 1460
  made.checksum = 16;
  return made;
}

std::string Ipv4Header(const Flow& flow, std::size_t payload) {
  std::string out;
  Put16(out, 0x4500);
  Put16(out, static_cast<std::uint16_t>(kIpv4Header + payload));
  Put16(out, 0);
  Put16(out, 0x4000);  // don't fragment
  out += static_cast<char>(kTtl);
  out += static_cast<char>(ProtocolNumber(flow.protocol, false));
  Put16(out, 0);
  out += flow.source.Bytes() + flow.destination.Bytes();
  Set16(out, 10, Checksum(out));
  return out;
}

std::string Ipv6Header(const Flow& flow, std::size_t payload) {
  std::string out;
  Put32(out, 0x60000000);
  Put16(out, static_cast<std::uint16_t>(payload));
  out += static_cast<char>(ProtocolNumber(flow.protocol, true));
  out += static_cast<char>(kTtl);
  return out + flow.source.Bytes() + flow.destination.Bytes();
}

std::optional<Protocol> ProtocolFrom(std::uint8_t number, bool v6) {
  for (const Protocol protocol : {Protocol::kPing, Protocol::kTcp, Protocol::kUdp, Protocol::kSctp})
    if (ProtocolNumber(protocol, v6) == number) return protocol;
  return std::nullopt;
}

}  // namespace

std::uint8_t ProtocolNumber(Protocol protocol, bool v6) {
  return protocol == Protocol::kPing && v6 ? std::uint8_t{IPPROTO_ICMPV6} : static_cast<std::uint8_t>(protocol);
}

std::string TokenBytes(std::uint32_t token) {
  std::string bytes;
  Put32(bytes, token);
  return bytes;
}

std::uint32_t TokenOffset(Protocol protocol) {
  if (protocol == Protocol::kSctp) return 16;
  return protocol == Protocol::kTcp ? 4 : 8;
}

std::string MakePacket(const Flow& flow, std::uint32_t token) {
  Transport transport = MakeTransport(flow, token);
  std::string& bytes = transport.bytes;
  const bool v6 = flow.destination.v6;
  const std::string header = v6 ? Ipv6Header(flow, bytes.size()) : Ipv4Header(flow, bytes.size());
  if (transport.checksum == 0) return header + bytes;
  std::string summed;  // ICMP of IPv4 sums no addresses
  if (v6 || flow.protocol != Protocol::kPing) {
    summed = flow.source.Bytes() + flow.destination.Bytes();
    Put16(summed, ProtocolNumber(flow.protocol, v6));
    Put16(summed, static_cast<std::uint16_t>(bytes.size()));
  }
  const std::uint16_t checksum = Checksum(summed + bytes);
  // 0 would say that a datagram has none.
  Set16(bytes, transport.checksum, checksum == 0 && flow.protocol == Protocol::kUdp ? 0xffff : checksum);
  return header + bytes;
}

std::optional<Flow> ReadFlow(std::string_view network, std::string_view transport) {
  if (network.empty()) return std::nullopt;
  const bool v6 = static_cast<unsigned char>(network[0]) >> 4 == 6;
  if (network.size() < (v6 ? kIpv6Header : kIpv4Header) || transport.size() < 8) return std::nullopt;
  const auto protocol = ProtocolFrom(static_cast<std::uint8_t>(network[v6 ? 6 : 9]), v6);
  if (!protocol) return std::nullopt;
  const std::size_t length = v6 ? 16 : 4, at = v6 ? 8 : 12;
  auto source = Ip::FromBytes(network.substr(at, length));
  auto destination = Ip::FromBytes(network.substr(at + length, length));
  if (!source.ok() || !destination.ok()) return std::nullopt;
  Flow flow{*source, *destination, *protocol};
  const bool ping = *protocol == Protocol::kPing;
  flow.source_port = Get16(transport, ping ? 4 : 0);
  flow.port = ping ? std::uint16_t{0} : Get16(transport, 2);
  return flow;
}

std::string Endpoint(const Ip& address, std::uint16_t port) {
  if (port == 0) return ToString(address);
  return (address.v6 ? "[" + ToString(address) + "]" : ToString(address)) + ":" + std::to_string(port);
}

}  // namespace estiba::nettrace
