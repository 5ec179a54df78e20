#pragma once
// What a container's monitor and estiba-netd say to each other, over a SEQPACKET socket in the folder of the endpoints'
// files: the monitor hands over the sockets that the container's resolver asks, one message with two descriptors (UDP,
// listening TCP), and keeps the connection for as long as it wants them served. The answer is "ok" or "error TEXT".
// Text: a first line with the version, then lines of which later versions add kinds; unknown ones are skipped.

#include <string>
#include <string_view>

#include "base/result.h"

namespace estiba::netd {

// In the folder.
inline constexpr const char* kSocketName = "sock";
inline constexpr std::size_t kMaxHandOver = 4096;

struct HandOver {
  std::string id;  // the container's: the name of its file
};
std::string Encode(const HandOver& message);
Result<HandOver> DecodeHandOver(std::string_view text);

std::string EncodeAnswer(const Status& status);
// The error that was told; kDataLoss when it is no answer.
Status DecodeAnswer(std::string_view text);

// True for what a container's file may be called: hexadecimal digits.
bool IsEndpointFile(std::string_view name);

}  // namespace estiba::netd
