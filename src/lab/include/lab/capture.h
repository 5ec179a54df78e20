#pragma once
// Packets of an interface, as a pcap file with times in nanoseconds (what libpcap calls magic 0xa1b23c4d).

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "os/fd.h"

namespace estiba::lab {

// Words that must all hold: arp, ip, ip6, icmp, icmp6, tcp, udp, host ADDRESS, port NUMBER.
struct CaptureFilter {
  std::string protocol;  // "" for any
  std::optional<Ip> host;
  std::optional<std::uint16_t> port;
};
Result<CaptureFilter> ParseFilter(const std::vector<std::string>& words);
// Pure. `frame` is an Ethernet frame, from wherever, and may be cut. Fragments after the first have no ports.
bool Matches(const CaptureFilter& filter, std::string_view frame);

struct CaptureOptions {
  std::uint32_t snaplen = 262144;  // bytes kept of each packet
  std::uint64_t count = 0;         // ends after so many; 0: goes on
  CaptureFilter filter;
};
// Writes what passes `interface` of the namespace to `out`, each packet by one write. Ends after `count` packets or
// when the interface goes; calls `ready` once it listens. The process must have one thread, and lives in the namespace
// meanwhile.
Status Capture(int ns, const std::string& interface, const CaptureOptions& options, int out,
               const std::function<void()>& ready);

}  // namespace estiba::lab
