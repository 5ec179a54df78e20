// Packets as an engine, or whoever reaches a monitor's socket, may send them.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "monitorapi/frame.h"

namespace m = estiba::monitorapi;

namespace {

// What decodes must encode to something that decodes to the same bytes again.
template <class T>
void RoundTrip(const m::Frame& frame) {
  const auto message = frame.Decode<T>();
  if (!message.ok()) return;
  const std::string once = m::tlv::Encode(*message);
  const auto again = m::tlv::Decode<T>(once);
  if (!again.ok() || m::tlv::Encode(*again) != once) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto frame = m::DecodeFrame(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!frame.ok()) return 0;
  RoundTrip<m::Launch>(*frame);
  RoundTrip<m::Exec>(*frame);
  RoundTrip<m::Stop>(*frame);
  RoundTrip<m::Logs>(*frame);
  RoundTrip<m::Update>(*frame);
  RoundTrip<m::State>(*frame);
  RoundTrip<m::StatsReply>(*frame);
  RoundTrip<m::Failure>(*frame);
  return 0;
}
