// Manifests, indexes and configs: what was parsed and written again parses to the same.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "oci/image.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace estiba::oci;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)KindOfDocument(text, "").ok();
  if (const auto manifest = ParseManifest(text); manifest.ok()) {
    const std::string written = WriteManifest(*manifest);
    if (WriteManifest(ParseManifest(written).value()) != written) std::abort();
  }
  if (const auto index = ParseIndex(text); index.ok()) {
    (void)SelectManifest(*index, HostPlatform()).ok();
    const std::string written = WriteIndex(*index);
    if (WriteIndex(ParseIndex(written).value()) != written) std::abort();
  }
  if (const auto config = ParseImageConfig(text); config.ok()) {
    const std::string written = WriteImageConfig(*config);
    if (WriteImageConfig(ParseImageConfig(written).value()) != written) std::abort();
  }
  return 0;
}
