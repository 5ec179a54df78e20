#pragma once
// What a container's monitor and estiba-netd say to each other, over a SEQPACKET socket in the folder of the endpoints'
// files: the monitor hands over the sockets that the container's resolver asks, one message with two descriptors (UDP,
// listening TCP) or none, and keeps the connection for as long as it wants them served and its rules watched. The
// answer is "ok" or "error TEXT". Later, and as often as it is so: "rules lost" to the monitor, "rules restored" back.
// Text: a first line with the version, then lines of which later versions add kinds; unknown ones are skipped.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace estiba::netd {

// In the folder.
inline constexpr const char* kSocketName = "sock";
inline constexpr std::size_t kMaxHandOver = 4096;

struct HandOver {
  std::string id;  // the container's: the name of its file
  // When it began to make the rules that it wants watched (CLOCK_MONOTONIC, nanoseconds); 0: it has none.
  std::uint64_t rules_made = 0;
};
std::string Encode(const HandOver& message);
Result<HandOver> DecodeHandOver(std::string_view text);

std::string EncodeAnswer(const Status& status);
// The error that was told; kDataLoss when it is no answer.
Status DecodeAnswer(std::string_view text);

inline constexpr std::string_view kRulesLost = "rules lost\n";
inline constexpr std::string_view kRulesRestored = "rules restored\n";

// True for what a container's file may be called: hexadecimal digits.
bool IsEndpointFile(std::string_view name);

}  // namespace estiba::netd
