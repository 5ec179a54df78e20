#pragma once
// The packet that is followed: a SYN, an INIT of SCTP, an empty-handed datagram or a ping, told from all others by a
// random number that address translation leaves alone. Pure.

#include <cstdint>
#include <string>
#include <string_view>

#include "nettrace/trace.h"

namespace estiba::nettrace {

struct Flow {
  Ip source, destination;
  Protocol protocol = Protocol::kPing;
  std::uint16_t source_port = 0, port = 0;  // of a ping: its id and nothing
  bool operator==(const Flow&) const = default;
};

// The IP packet with its checksums. `token` is in the TCP sequence number, in SCTP's initiate tag, else in the first
// bytes of the payload.
std::string MakePacket(const Flow& flow, std::uint32_t token);
// The token as it goes over the wire, and where it is, from the transport header on.
std::string TokenBytes(std::uint32_t token);
std::uint32_t TokenOffset(Protocol protocol);
// The number of the protocol in the header of that family: a ping's differs.
std::uint8_t ProtocolNumber(Protocol protocol, bool v6);

// Addresses and ports as headers have them; nothing when they are cut or of another kind.
std::optional<Flow> ReadFlow(std::string_view network, std::string_view transport);
// "172.18.0.2:4000", "[fd00::2]:4000"; without a port for 0.
std::string Endpoint(const Ip& address, std::uint16_t port);

}  // namespace estiba::nettrace
