#include "tests/lab_tests.h"
#include "words.h"

namespace estiba::lab {
namespace {

using testing::Complaint;
using ::testing::HasSubstr;
using testing::Parsed;

TEST(ParseLab, NodesLinksAndChecksAreRead) {
  const Lab lab = Parsed(R"(
nodes:
  r1: {kind: router, masquerade: [wan], routes: [default via 10.0.0.2]}
  s1: {kind: bridge}
  pc:
    exec: echo hello
links:
  - {endpoints: [r1:wan 10.0.0.1/24 fd00::1/64, pc 10.0.0.2/24], mtu: 1400, loss: 0.5%, delay: 1.5ms, rate: 2.5mbit}
  - {endpoints: [r1, s1]}
  - {endpoints: [pc, s1], mac: [02:00:00:00:00:01, 02:00:00:00:00:02]}
check:
  - pc reaches r1 tcp 80
  - r1 cannot reach 192.0.2.1
)",
                         "some/where/demo.yaml");
  EXPECT_EQ(lab.name, "demo");
  EXPECT_TRUE(lab.ipv6);
  EXPECT_EQ(lab.nodes[1].kind, NodeKind::kSwitch);
  EXPECT_EQ(lab.nodes[2].exec[0].text, "echo hello");
  EXPECT_EQ(lab.nodes[2].exec[0].line, 6U);
  const Link& first = lab.links[0];
  EXPECT_EQ(first.ends[0].interface, "wan");
  EXPECT_EQ(first.ends[0].addresses.size(), 2U);
  EXPECT_EQ(first.ends[1].interface, "eth0");
  EXPECT_EQ(first.mtu, 1400U);
  EXPECT_EQ(first.loss, 50U);
  EXPECT_EQ(first.delay_us, 1500U);
  EXPECT_EQ(first.rate, 2500000U);
  // Interfaces without a name count on.
  EXPECT_EQ(lab.links[1].ends[0].interface, "eth1");
  EXPECT_EQ(lab.links[1].ends[1].interface, "port1");
  EXPECT_EQ(lab.links[2].ends[1].interface, "port2");
  EXPECT_EQ(net::ToString(lab.links[2].ends[0].mac), "02:00:00:00:00:01");
  ASSERT_EQ(lab.checks.size(), 2U);
  EXPECT_EQ(estiba::ToString(lab.checks[0].to), "10.0.0.1");
  EXPECT_EQ(lab.checks[0].listener, std::pair(std::size_t{0}, std::uint16_t{80}));
  EXPECT_FALSE(lab.checks[1].reaches);
}

TEST(ParseLab, AllReachAllIsEveryPairThatHasAddresses) {
  const Lab lab = Parsed(
      "nodes: {a: {}, b: {}, c: {}, s: {kind: switch}}\n"
      "links: [{endpoints: [a 10.0.0.1/24, s]}, {endpoints: [b 10.0.0.2/24, s]}, {endpoints: [c, s]}]\n"
      "check: all reach all\n");
  EXPECT_EQ(lab.checks.size(), 2U);
}

TEST(ParseLab, HardwareAddressesAreTheSameEveryTimeAndDifferBetweenLabs) {
  const std::string text = "nodes: {a: {}, b: {}}\nlinks: [{endpoints: [a, b]}]\n";
  const Lab one = Parsed("name: one\n" + text), again = Parsed("name: one\n" + text),
            other = Parsed("name: two\n" + text);
  EXPECT_EQ(one.links[0].ends[0].mac, again.links[0].ends[0].mac);
  EXPECT_NE(one.links[0].ends[0].mac, one.links[0].ends[1].mac);
  EXPECT_NE(one.links[0].ends[0].mac, other.links[0].ends[0].mac);
}

struct Refusal {
  const char* text;
  const char* complaint;
};
class Refused : public ::testing::TestWithParam<Refusal> {};

TEST_P(Refused, WithItsPlaceAndReason) { EXPECT_THAT(Complaint(GetParam().text), HasSubstr(GetParam().complaint)); }

INSTANTIATE_TEST_SUITE_P(
    Labs, Refused,
    ::testing::Values(
        Refusal{"", "lab.yaml:1: a lab is a mapping"}, Refusal{"nodes: {}", "lab.yaml:1: a lab without nodes"},
        Refusal{"nodes: {a: {}}\nwires: []",
                "lab.yaml:2: wires: there is no such key; here may stand name, nodes, links, check"},
        Refusal{"name: a/b\nnodes: {a: {}}", "lab.yaml:1: 'a/b' is no name for a lab"},
        Refusal{"nodes:\n  a.b: {}", "lab.yaml:2: nodes.a.b: 'a.b' is no name for a node"},
        Refusal{"nodes:\n  all: {}", "is no name for a node"},
        Refusal{"nodes:\n  a: {kind: hub}", "lab.yaml:2: nodes.a.kind: there is no kind 'hub'; there are netns"},
        Refusal{"nodes:\n  a: {masquerade: [eth0]}", "a node of kind netns has no such key"},
        Refusal{"nodes:\n  a: {command: [sleep]}", "there is no container to run it"},
        Refusal{"nodes:\n  me: {kind: host, sysctls: {net.ipv4.ip_forward: 1}}",
                "a lab changes nothing of this machine"},
        Refusal{"nodes: {a: {kind: host}, b: {kind: host}}", "'a' is this machine already"},
        Refusal{"nodes:\n  a: {sysctls: {kernel.hostname: x}}", "only settings of a network, net.…"},
        Refusal{"nodes:\n  a: {sysctls: {net.ipv4/../x: x}}", "only settings of a network, net.…"},
        Refusal{"nodes:\n  a: {sysctls: {net..x: x}}", "only settings of a network, net.…"},
        Refusal{"nodes: {a: {}}\nlinks: [{endpoints: [a, b]}]",
                "lab.yaml:2: links[0].endpoints[1]: there is no node 'b'"},
        Refusal{"nodes: {a: {}}\nlinks: [{endpoints: [a]}]", "a link has two endpoints"},
        Refusal{"nodes: {a: {}}\nlinks: [{mtu: 1400}]", "a link needs 'endpoints"},
        Refusal{"nodes: {a: {}, b: {}}\nlinks:\n- {endpoints: [a:e, b]}\n- {endpoints: [a:e, b]}",
                "lab.yaml:4: the interface 'a:e' is the end of the link of line 3 already"},
        Refusal{"nodes: {a: {}, b: {}}\nlinks: [{endpoints: [a:sixteen-bytes-00, b]}]",
                "'sixteen-bytes-00' is 16 bytes long and the kernel takes 15"},
        Refusal{"nodes: {a: {}, b: {}}\nlinks: [{endpoints: [a:lo, b]}]", "'lo' is no interface name"},
        Refusal{"nodes: {a: {}, b: {}}\nlinks: [{endpoints: [a 10.0.0.1/24, b 10.0.0.1/24]}]",
                "'b:eth0' and 'a:eth0' have the same address 10.0.0.1"},
        Refusal{"nodes: {a: {}, b: {}}\nlinks: [{endpoints: [a 10.0.0.0/24, b]}]", "is the network itself"},
        Refusal{"nodes: {a: {}, s: {kind: switch}}\nlinks: [{endpoints: [a, s 10.0.0.1/24]}]",
                "a switch's port has no address"},
        Refusal{"nodes: {a: {}, h: {kind: host}}\nlinks: [{endpoints: [a, h]}]",
                "name the interface that this machine gets"},
        Refusal{"nodes: {a: {}, b: {}}\nlinks: [{endpoints: [a fd00::1/64, b], mtu: 1000}]",
                "IPv6 needs an MTU of at least 1280"},
        Refusal{"nodes: {a: {}, b: {}}\nlinks: [{endpoints: [a, b], jitter: 1ms}]",
                "a delay cannot vary by more than itself"},
        Refusal{"nodes: {a: {}, b: {}}\nlinks: [{endpoints: [a, b], loss: 101%}]", "a loss is a percentage"},
        Refusal{"nodes: {a: {}, b: {}}\nlinks: [{endpoints: [a, b], rate: 10}]",
                "a rate is a number and kbit, mbit or gbit"},
        Refusal{"nodes: {a: {}, b: {}}\nlinks: [{endpoints: [a, b], mac: [01:00:00:00:00:00, 02:00:00:00:00:00]}]",
                "invalid MAC address"},
        Refusal{"nodes: {a: {routes: [default via 10.1.0.1]}, b: {}}\nlinks: [{endpoints: [a 10.0.0.1/24, b]}]",
                "10.1.0.1 is on none of its networks; the next hop must be a neighbour"},
        Refusal{"nodes: {a: {routes: [default via 10.0.0.1]}, b: {}}\nlinks: [{endpoints: [a 10.0.0.1/24, b]}]",
                "10.0.0.1 is its own address"},
        Refusal{"nodes: {a: {routes: [default via 10.0.0.2, default via 10.0.0.3]}, b: {}}\n"
                "links: [{endpoints: [a 10.0.0.1/24, b]}]",
                "'a' has a route to 0.0.0.0/0 by line 1 already"},
        Refusal{"nodes: {a: {}, b: {}}\nlinks: [{endpoints: [a 127.0.0.2/8, b]}]",
                "is no address an interface can have"},
        Refusal{"nodes: {a: {}, b: {}}\nlinks: [{endpoints: [a ff02::1/64, b]}]",
                "is no address an interface can have"},
        Refusal{"nodes: {a: {}, b: {}}\nlinks: [{endpoints: [a:default, b]}]", "'default' is no interface name"},
        Refusal{"nodes:\n  a: [", "lab.yaml:3: "},
        Refusal{"nodes:\n  a: {image: \"x\\e[2J\"}", "lab.yaml:2: nodes.a.image: an image's name has"},
        Refusal{"nodes: {a: {routes: [10.0.0.1/24 via 10.1.0.1]}}", "the network is 10.0.0.0/24"},
        Refusal{"nodes: {a: {routes: [\"fd00::/64 via 10.1.0.1\"]}}", "of one family"},
        Refusal{"nodes: {r: {kind: router, masquerade: [wan]}}", "'r' has no interface 'wan'; it has none"},
        Refusal{"nodes: {a: {firewall: {input: {policy: reject}}}}", "a policy is 'accept' or 'drop'"},
        Refusal{"nodes: {a: {firewall: {input: {rules: [accept out lo]}}}}", "what comes in has no 'out' interface"},
        Refusal{"nodes: {a: {firewall: {input: {rules: [allow tcp]}}}}", "a rule begins with 'accept' or 'drop'"},
        Refusal{"nodes: {a: {firewall: {input: {rules: [drop tcp udp]}}}}", "of one protocol only"},
        Refusal{"nodes: {a: {firewall: {input: {rules: [drop tcp 99999]}}}}", "'99999' is no port"},
        Refusal{"nodes: {a: {firewall: {input: {rules: [drop icmp 8]}}}}", "icmp has no ports"},
        Refusal{"nodes: {a: {firewall: {input: {rules: [drop sctp]}}}}", "'sctp' is no condition"},
        Refusal{"nodes: {s1: {kind: switch}, s2: {kind: switch, stp: true}}\nlinks:\n- {endpoints: [s1, s2]}\n"
                "- {endpoints: [s1, s2]}",
                "lab.yaml:4: this link closes a loop of switches"},
        Refusal{"nodes: {a: {}}\ncheck: [a reaches b]", "'b' is neither a node of this lab nor an address"},
        Refusal{"nodes: {a: {}, b: {}}\ncheck: [a reaches b]", "'b' has no address"},
        Refusal{"nodes: {s: {kind: switch}}\ncheck: [s reaches 10.0.0.1]", "'s' is a switch"},
        Refusal{"nodes: {a: {}}\ncheck: [all reach a]", "'all' stands on both sides or on none"},
        Refusal{"nodes: {a: {}}\ncheck: [a cannot reaches 10.0.0.1]", "a check is 'NODE reaches TO'"},
        Refusal{"nodes: {a: {}}\ncheck: [a reaches 10.0.0.1 udp 5]", "'udp' has no place behind it"},
        Refusal{"nodes: {a: {}}\ncheck: [a reaches 10.0.0.1 tcp 5 at b]", "behind 'at' stands NODE:PORT"}));

TEST(Words, RatesTimesAndLossesHaveUnits) {
  EXPECT_EQ(ParseRate("64kbit").value(), 64000U);
  EXPECT_EQ(ParseRate("1.5Gbit").value(), 1500000000U);
  EXPECT_EQ(ParseDelay("250us").value(), 250U);
  EXPECT_EQ(ParseDelay("2s").value(), 2000000U);
  EXPECT_EQ(ParseLoss("0.25%").value(), 25U);
  EXPECT_EQ(ParseLoss("100%").value(), 10000U);
  for (const char* text : {"", "ms", "-1ms", "1.ms", "1..5ms", "99999999999999999999s", "61s"})
    EXPECT_FALSE(ParseDelay(text).ok()) << text;
  EXPECT_FALSE(ParseRate("1kbit").ok());
}

}  // namespace
}  // namespace estiba::lab
