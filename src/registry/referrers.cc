// What refers to a manifest, in registries that keep no list of it.

#include "oci/referrers.h"

#include "client_impl.h"

namespace estiba::registry {
namespace {

constexpr int kMaxRaces = 5;  // against others who write the same list

}  // namespace

// What is asked of a registry that says it does.
Result<bool> Client::Impl::KeepsReferrers(const std::string& repository, const std::string& digest) {
  const auto page = GetPage({repository}, "/v2/" + repository + "/referrers/" + digest, "list of referrers");
  if (!page.ok() && page.error().code() == Code::kCancelled) return page.error().Clone();
  return page.ok() || page.error().code() != Code::kNotFound;
}

// The list is read, written with one entry more, and read again: nothing locks it.
Status Client::AddReferrer(const PushTarget& target, const oci::Referral& referral) {
  const std::string tag = oci::ReferrersTag(referral.subject.digest);
  for (int race = 0; race < kMaxRaces; ++race) {
    const auto kept = GetManifest(target.repository, tag);
    if (!kept.ok() && kept.error().code() != Code::kNotFound) return kept.error().Clone();
    const std::string list = TRY(oci::AddToReferrers(kept.ok() ? kept->bytes : std::string(), referral.referrer));
    if (list.empty()) return Ok();
    TRY(impl_->SendManifest(target, tag, list, std::string(oci::media::kOciIndex)));
  }
  return Error(Code::kUnavailable, "others write the tag '" + tag + "' all the time: what refers to '" +
                                       referral.subject.digest + "' is not in it");
}

}  // namespace estiba::registry
