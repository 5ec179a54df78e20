#pragma once
// The small languages of a lab's file, one line of words each: what a rule, route, published port or check says.

#include <string>
#include <string_view>
#include <vector>

#include "lab/model.h"

namespace estiba::lab {

std::vector<std::string> Words(std::string_view text);

// "default via 10.0.0.1", "10.1.0.0/16 via 10.0.0.2".
Result<Route> ParseRoute(std::string_view text);
// "accept in eth0 from 10.0.0.0/24 tcp 80", "drop icmp", "accept established".
Result<FirewallRule> ParseRule(std::string_view text);
// "eth1 tcp 8080 to 10.0.0.2:80", "eth1 udp 53 to [fd00::2]:53".
Result<Publish> ParsePublish(std::string_view text);
// "5%", "0.25%" in ten-thousandths.
Result<std::uint32_t> ParseLoss(std::string_view text);
// "10ms", "250us", "1s" in microseconds, at most a minute.
Result<std::uint32_t> ParseDelay(std::string_view text);
// "10mbit", "1gbit", "64kbit" in bits a second, at least 8 kbit.
Result<std::uint64_t> ParseRate(std::string_view text);

// "a reaches b", "a cannot reach b:eth0 tcp 80", "all reach all", "a reaches 192.0.2.1 tcp 8080 at web:80": still
// names, for they can only be looked up when the whole file is known.
struct CheckWords {
  std::string from, to;  // "all" both or neither
  bool reaches = true;
  std::uint16_t tcp = 0;
  std::string at;  // NODE:PORT
};
Result<CheckWords> ParseCheck(std::string_view text);

}  // namespace estiba::lab
