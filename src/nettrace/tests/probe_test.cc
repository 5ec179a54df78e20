#include "probe.h"

#include "tests/support.h"

namespace estiba::nettrace {
namespace {

Ip Address(const char* text) {
  auto address = ParseIp(text);
  return address.ok() ? *address : Ip{};
}

// RFC 1071: over everything with its checksum it is all ones.
unsigned Sum(std::string_view bytes, unsigned sum = 0) {
  for (std::size_t i = 0; i < bytes.size(); i += 2)
    sum += static_cast<unsigned>(static_cast<unsigned char>(bytes[i])) << 8 |
           static_cast<unsigned>(i + 1 < bytes.size() ? static_cast<unsigned char>(bytes[i + 1]) : 0);
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

struct Parts {
  std::string network, transport;
};
Parts Cut(const std::string& packet, bool v6) {
  const std::size_t header = v6 ? 40 : 20;
  return {packet.substr(0, header), packet.substr(header)};
}

class Packets : public ::testing::TestWithParam<std::tuple<Protocol, bool>> {
 protected:
  Flow MakeFlow() const {
    const auto [protocol, v6] = GetParam();
    Flow flow{Address(v6 ? "fd00::2" : "10.0.0.2"), Address(v6 ? "fd00::9" : "10.0.0.9"), protocol, 40000, 80};
    if (protocol == Protocol::kPing) flow.port = 0;
    return flow;
  }
};

TEST_P(Packets, AreReadBackAsTheyWereMade) {
  const Flow flow = MakeFlow();
  const Parts parts = Cut(MakePacket(flow, 7), flow.source.v6);
  EXPECT_EQ(ReadFlow(parts.network, parts.transport), flow);
}

TEST_P(Packets, HaveTheTokenWhereItIsLookedFor) {
  const Flow flow = MakeFlow();
  const Parts parts = Cut(MakePacket(flow, 0x01020304), flow.source.v6);
  EXPECT_EQ(parts.transport.substr(TokenOffset(flow.protocol), 4), std::string("\1\2\3\4"));
}

TEST_P(Packets, HaveRightChecksums) {
  const Flow flow = MakeFlow();
  const Parts parts = Cut(MakePacket(flow, 0xdeadbeef), flow.source.v6);
  if (!flow.source.v6) {
    EXPECT_EQ(Sum(parts.network), 0xffffU);
  }
  if (flow.protocol == Protocol::kSctp) return;  // has one of another kind, below
  unsigned pseudo = 0;
  if (flow.source.v6 || flow.protocol != Protocol::kPing) {
    pseudo = Sum(flow.source.Bytes() + flow.destination.Bytes());
    pseudo += ProtocolNumber(flow.protocol, flow.source.v6) + static_cast<unsigned>(parts.transport.size());
  }
  EXPECT_EQ(Sum(parts.transport, pseudo), 0xffffU);
}

INSTANTIATE_TEST_SUITE_P(All, Packets,
                         ::testing::Combine(::testing::Values(Protocol::kPing, Protocol::kTcp, Protocol::kUdp,
                                                              Protocol::kSctp),
                                            ::testing::Bool()));

// Worked out bit by bit elsewhere, with the polynomial as RFC 9260 writes it.
TEST(SctpPacket, HasTheChecksumOfSctp) {
  const Flow flow{Address("10.0.0.2"), Address("10.0.0.9"), Protocol::kSctp, 40000, 80};
  const Parts parts = Cut(MakePacket(flow, 0x01020304), false);
  EXPECT_EQ(parts.transport.substr(8, 4), std::string("\xaa\x23\xe0\xf4"));
}

TEST(ReadFlow, CutHeadersAreNothing) {
  const Flow flow{Address("10.0.0.2"), Address("10.0.0.9"), Protocol::kTcp, 40000, 80};
  const Parts parts = Cut(MakePacket(flow, 7), false);
  for (std::size_t size = 0; size < parts.network.size(); ++size)
    EXPECT_FALSE(ReadFlow(parts.network.substr(0, size), parts.transport));
  for (std::size_t size = 0; size < 8; ++size) EXPECT_FALSE(ReadFlow(parts.network, parts.transport.substr(0, size)));
}

}  // namespace
}  // namespace estiba::nettrace
