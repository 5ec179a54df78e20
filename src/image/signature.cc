#include "signature.h"

#include <functional>
#include <optional>

#include "codec/openpgp.h"
#include "codec/public_key.h"
#include "oci/image.h"
#include "signature_store.h"

namespace estiba::image {
namespace {

using oci::SignatureForm;

// What one signature says; kPermissionDenied and why when it does not count.
using Opened = Result<std::string>;

class Checker {
 public:
  Checker(const Subject& subject, const oci::Reference& reference) : subject_(subject), reference_(reference) {}

  Status Check(const oci::SignedBy& required) {
    return required.form == SignatureForm::kOpenPgp ? CheckOpenPgp(required) : CheckSigstore(required);
  }

 private:
  Status CheckSigstore(const oci::SignedBy& required) {
    const std::string& repository = subject_.place.path;
    if (!subject_.place.attachments)
      return Missing("use-sigstore-attachments in registries.d says that none are read from the registry");
    if (!attached_)
      attached_ = TRY_CTX(FetchAttached(subject_.client, repository, digest()), "look for signatures");
    if (attached_->empty()) {
      const std::string tag = TRY(AttachedTag(digest()));
      return Missing("looked for the tag '" + tag + "' at '" + subject_.place.host + "/" + repository +
                     "', where cosign keeps signatures");
    }
    return AnyOf(required, attached_->size(), [&](std::size_t i) -> Opened {
      const AttachedSignature& one = (*attached_)[i];
      for (const std::string& key : required.keys) {
        const bool by_key = TRY(codec::VerifySignature(key, one.payload, one.bytes));
        if (by_key) return one.payload;
      }
      return Error(Code::kPermissionDenied, "it is by none of the keys of the policy");
    });
  }

  Status CheckOpenPgp(const oci::SignedBy& required) {
    const std::string& base = subject_.place.lookaside;
    if (base.empty()) return Missing("no place of signatures is known for '" + subject_.place.host + "'");
    const std::string lookaside = TRY(LookasideOf(base, subject_.place.path, digest()));
    if (!messages_) messages_ = TRY_CTX(FetchLookaside(lookaside), "look for signatures in '" + lookaside + "'");
    if (messages_->empty())
      return Missing("looked for '" + lookaside + "/signature-1'; 'lookaside' in registries.d names another place");
    const codec::OpenPgpKeys keys = TRY(codec::OpenPgpKeys::Read(required.keys));
    return AnyOf(required, messages_->size(), [&](std::size_t i) { return keys.Open((*messages_)[i]); });
  }

  // One good one is enough.
  Status AnyOf(const oci::SignedBy& required, std::size_t count, const std::function<Opened(std::size_t)>& open) const {
    std::string why;
    for (std::size_t i = 0; i < count; ++i) {
      const Opened payload = open(i);
      if (!payload.ok() && payload.error().code() != Code::kPermissionDenied) return payload.error().Clone();
      const std::string complaint = payload.ok() ? Judge(required, *payload) : payload.error().Message();
      if (complaint.empty()) return Ok();
      if (why.empty()) why = complaint;
    }
    const std::string which = count == 1 ? "the one there is: " : "the first of " + std::to_string(count) + ": ";
    return Rejected("no signature of '" + digest() + "' is good for " + reference_.Familiar() + ". Of " + which + why)
        .Hint("policy.json says by whom and under which name it has to be signed");
  }

  // Why what was signed does not count; empty when it does.
  std::string Judge(const oci::SignedBy& required, const std::string& payload) const {
    const auto claim = oci::ParseSimpleSigning(payload, required.form);
    if (!claim.ok()) return claim.error().Message();
    if (claim->manifest_digest != digest()) return "it is of '" + claim->manifest_digest + "'";
    if (!oci::Accepts(required.identity, reference_, claim->docker_reference))
      return "it was made for '" + claim->docker_reference + "'";
    return std::string();
  }

  static Error Rejected(const std::string& why) {
    return Error(Code::kPermissionDenied, "Source image rejected: " + why);
  }
  Error Missing(const std::string& hint) const {
    return Rejected("A signature was required, but no signature exists for " + reference_.Familiar()).Hint(hint);
  }

  const std::string& digest() const { return subject_.digest; }

  const Subject& subject_;
  const oci::Reference& reference_;
  // Fetched when they are needed, once for all requirements.
  std::optional<std::vector<AttachedSignature>> attached_;
  std::optional<std::vector<std::string>> messages_;
};

}  // namespace

Status CheckSignatures(const std::vector<oci::SignedBy>& required, const Subject& subject,
                       const oci::Reference& reference) {
  Checker checker(subject, reference);
  for (const oci::SignedBy& one : required) TRY(checker.Check(one));
  return Ok();
}

Status MayBeSignedWithin(const Status& checked, const registry::FetchedManifest& top) {
  if (checked.ok()) return Ok();
  const auto kind = oci::KindOfDocument(top.bytes, top.media_type);
  const bool is_index = kind.ok() && *kind == oci::DocumentKind::kIndex;
  if (is_index && checked.error().code() == Code::kPermissionDenied) return Ok();
  return checked.error().Clone();
}

}  // namespace estiba::image
