#include "cgroup/dbus_message.h"
#include "cgroup/variant.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const auto value = estiba::cgroup::ParseVariant({reinterpret_cast<const char*>(data), size});
  if (!value.ok()) return 0;
  estiba::cgroup::DbusWriter out;
  out.Boxed(*value);
  (void)std::move(out).Take();
  return 0;
}
