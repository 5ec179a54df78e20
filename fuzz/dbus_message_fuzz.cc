#include "cgroup/dbus_message.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto length = estiba::cgroup::DbusSize(bytes);
  const auto message = estiba::cgroup::DecodeDbus(bytes);
  if (!message.ok()) return 0;
  if (!length.ok() || *length != size) __builtin_trap();
  (void)estiba::cgroup::DbusValues(*message).ok();
  return 0;
}
