// Encoded plans: what decodes encodes to itself, and can be explained and undone.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "plan/audit.h"
#include "plan/checkpoint.h"
#include "plan/explain.h"
#include "plan/undo.h"
#include "plan/wire.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto plan = estiba::plan::Decode(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!plan.ok()) return 0;
  const std::string once = estiba::plan::Encode(*plan);
  const auto again = estiba::plan::Decode(once);
  if (!again.ok() || estiba::plan::Encode(*again) != once) __builtin_trap();
  estiba::plan::ExplainText(*plan);
  estiba::plan::ExplainJson(*plan);
  estiba::plan::ExplainShell(*plan);
  estiba::plan::AuditJson(*plan, estiba::plan::Audit(*plan));
  estiba::plan::UndoOf(*plan);
  estiba::plan::MountPointsOf(*plan);
  (void)estiba::plan::ExternalMounts(*plan).ok();
  return 0;
}
