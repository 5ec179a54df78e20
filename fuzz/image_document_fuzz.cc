// Manifests, indexes and configs: what was parsed and written again parses to the same. Lists of referrers: what was
// put into one is in it.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "oci/image.h"
#include "oci/referrers.h"

namespace {

void KeepReferrer(std::string_view text) {
  using namespace estiba::oci;
  const std::string digest = "sha256:" + std::string(64, 'a');
  Descriptor referrer{};
  referrer.media_type = "application/vnd.oci.image.manifest.v1+json";
  referrer.digest = digest;
  referrer.size = 7;
  if (const auto referral = ReferralOf(text, "", digest); referral.has_value()) referrer = referral->referrer;
  const auto list = AddToReferrers(text, referrer);
  if (!list.ok() || list->empty()) return;
  const auto again = AddToReferrers(*list, referrer);
  if (!again.ok() || !again->empty()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace estiba::oci;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)KindOfDocument(text, "").ok();
  KeepReferrer(text);
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
