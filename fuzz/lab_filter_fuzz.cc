// A frame from an interface, matched against filters that look at everything.
#include <cstdint>
#include <string_view>

#include "lab/capture.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view frame(reinterpret_cast<const char*>(data), size);
  for (const char* protocol : {"arp", "ip", "ip6", "icmp", "icmp6", "tcp", "udp"}) {
    const auto filter = estiba::lab::ParseFilter({protocol, "host", "10.0.0.1", "port", "80"});
    if (!filter.ok()) __builtin_trap();
    (void)estiba::lab::Matches(*filter, frame);
  }
  return 0;
}
