// What CRIU answers, whatever program goes by that name, and its log.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "criu/log.h"
#include "criu/messages.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto reply = estiba::criu::Decode(bytes);
  if (reply.ok() && reply->version && reply->version->Number() < 0) std::abort();
  if (reply.ok() && reply->script.size() > size) std::abort();
  if (estiba::criu::LastErrors(bytes, 3).size() > size) std::abort();
  return 0;
}
