#pragma once
// A frame of Docker's multiplexed stream, as an engine sends it: for tests of who reads them.

#include <string>
#include <string_view>

namespace estiba::testing {

// `payload`: of less than 256 bytes.
inline std::string StdcopyFrame(char stream, std::string_view payload) {
  std::string frame(8, '\0');
  frame[0] = stream;
  frame[7] = static_cast<char>(payload.size());
  return frame + std::string(payload);
}

}  // namespace estiba::testing
