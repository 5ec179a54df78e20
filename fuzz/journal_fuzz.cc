// A journal after a crash, a full disk or a bad sector.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "monitorapi/journal.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto journal = estiba::monitorapi::ParseJournal(bytes);
  if (journal.good > size) __builtin_trap();
  // The good part alone says the same.
  const auto again = estiba::monitorapi::ParseJournal(bytes.substr(0, journal.good));
  if (again.good != journal.good || again.records.size() != journal.records.size()) __builtin_trap();
  return 0;
}
