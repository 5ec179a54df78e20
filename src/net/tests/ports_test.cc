#include "net/ports.h"
#include "tests/support.h"

namespace estiba::net {
namespace {

std::string Shown(const std::vector<PublishRequest>& requests) {
  std::string out;
  for (const auto& r : requests)
    out += r.host_ip + ':' + std::to_string(r.host_first) + '-' + std::to_string(r.host_last) + ':' +
           ToString(r.container) + ' ';
  return out;
}

TEST(ParsePublish, ReadsEveryForm) {
  const std::pair<const char*, const char*> forms[] = {
      {"80", ":0-0:80/tcp "},
      {"8080:80", ":8080-8080:80/tcp "},
      {"8080:80/udp", ":8080-8080:80/udp "},
      {"127.0.0.1:8080:80", "127.0.0.1:8080-8080:80/tcp "},
      {"127.0.0.1::80/TCP", "127.0.0.1:0-0:80/tcp "},
      {"0:80", ":0-0:80/tcp "},
      {"[::1]:8080:80/sctp", "::1:8080-8080:80/sctp "},
      {"[fd00::1]::80", "fd00::1:0-0:80/tcp "},
      {"8000-8001:80-81", ":8000-8000:80/tcp :8001-8001:81/tcp "},
      {"8000-8010:80", ":8000-8010:80/tcp "},
      {"80-81", ":0-0:80/tcp :0-0:81/tcp "},
  };
  for (const auto& [text, expected] : forms) {
    ASSERT_OK_AND_ASSIGN(const auto requests, ParsePublish(text));
    EXPECT_EQ(Shown(requests), expected) << text;
  }
}

TEST(ParsePublish, RefusesWithDockersWords) {
  const std::pair<const char*, const char*> bad[] = {
      {"", "no port specified: <empty>"},
      {"8080:", "no port specified: 8080:<empty>"},
      {"8080:web", "invalid containerPort: web"},
      {"8080:0", "invalid containerPort: 0"},
      {"8080:65536", "invalid containerPort: 65536"},
      {"x:80", "invalid hostPort: x"},
      {"80:80/icmp", "invalid proto: icmp"},
      {"300.0.0.1:80:80", "invalid IP address: 300.0.0.1"},
      {"8000-8002:80-81", "invalid ranges specified for container and host Ports: 80-81 and 8000-8002"},
      {"81-80", "invalid containerPort: 81-80"},
  };
  for (const auto& [text, message] : bad) {
    const auto parsed = ParsePublish(text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_EQ(parsed.error().Message(), message);
    EXPECT_EQ(parsed.error().code(), Code::kInvalidArgument);
  }
}

TEST(ParseExpose, ReadsPortsAndRanges) {
  EXPECT_EQ(ToString(ParseContainerPort("80").value()), "80/tcp");
  EXPECT_EQ(ToString(ParseContainerPort("53/udp").value()), "53/udp");
  EXPECT_EQ(ParseExpose("8000-8002/udp").value().size(), 3U);
  for (const char* bad : {"", "/tcp", "80/", "0", "-80", "80-", "80-79"})
    EXPECT_FALSE(std::string_view(bad) != "80/" && ParseExpose(bad).ok()) << bad;
  EXPECT_FALSE(ParseContainerPort("80-81").ok());
}

TEST(ParseHostPort, ReadsTheApisForms) {
  EXPECT_EQ(ParseHostPort("").value().first, 0);
  EXPECT_EQ(ParseHostPort("8080").value().last, 8080);
  EXPECT_EQ(ParseHostPort("8080-8090").value().last, 8090);
  for (const char* bad : {"x", "-1", "0-10", "70000", "9-8"}) EXPECT_FALSE(ParseHostPort(bad).ok()) << bad;
}

TEST(ParseEphemeralRange, FallsBackOnNonsense) {
  EXPECT_EQ(ParseEphemeralRange("32768\t60999\n").first, 32768);
  EXPECT_EQ(ParseEphemeralRange("32768\t60999\n").last, 60999);
  for (const char* bad : {"", "1", "9 8", "0 5", "a b"}) EXPECT_EQ(ParseEphemeralRange(bad).first, 49153) << bad;
}

TEST(PortTaken, HasDockersWords) {
  EXPECT_EQ(PortTaken(Ip{}, 8080).Message(), "Bind for 0.0.0.0:8080 failed: port is already allocated");
  EXPECT_EQ(PortTaken(Ip{}, 8080).code(), Code::kConflict);
}

}  // namespace
}  // namespace estiba::net
