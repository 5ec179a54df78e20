#include "monitorapi/health.h"

#include "monitorapi/tlv.h"
#include "os/file.h"

namespace estiba::monitorapi {

void HealthLog::Add(ProbeResult result) {
  while (results.size() >= kMost) results.erase(results.begin());
  results.push_back(std::move(result));
}

Result<HealthLog> ReadHealth(os::DirFd container_dir) {
  constexpr std::size_t kMostBytes = 64U << 10;
  const auto bytes = os::ReadFileAt(container_dir, kHealthName, kMostBytes);
  if (bytes.ok()) return TRY_CTX(tlv::Decode<HealthLog>(*bytes), "read what probes said");
  if (bytes.error().code() == Code::kNotFound) return HealthLog{};
  return bytes.error().Clone().Context("read what probes said");
}

Status WriteHealth(os::DirFd container_dir, const HealthLog& log) {
  return os::ReplaceFile(container_dir, kHealthName, tlv::Encode(log), 0600);
}

}  // namespace estiba::monitorapi
