#include "signature.h"

#include "codec/base64.h"
#include "codec/public_key.h"
#include "oci/image.h"

namespace estiba::image {
namespace {

constexpr std::size_t kMaxPayload = 1U << 20;
constexpr std::size_t kMaxSignatures = 100;
constexpr std::string_view kPayloadType = "application/vnd.dev.cosign.simplesigning.v1+json";
constexpr const char* kSignature = "dev.cosignproject.cosign/signature";

struct Signature {
  std::string payload;  // what was signed
  std::string bytes;
};

Error Rejected(const std::string& why) {
  return Error(Code::kPermissionDenied, "Source image rejected: " + why);
}

Result<std::string> FetchPayload(registry::Client& client, const std::string& path, const oci::Descriptor& blob) {
  if (blob.size > kMaxPayload) return Error(Code::kResourceExhausted, "a signature is larger than 1 MiB");
  std::string payload;
  TRY(client.GetBlob(path, blob, [&payload](std::string_view bytes) {
    payload.append(bytes);
    return Ok();
  }));
  return payload;
}

// Those that cannot be read do not count.
Result<std::vector<Signature>> FetchSignatures(registry::Client& client, const std::string& path,
                                               const std::string& digest) {
  const std::string tag = "sha256-" + TRY(oci::DigestHex(digest)) + ".sig";
  std::vector<Signature> out;
  auto fetched = client.GetManifest(path, tag);
  if (!fetched.ok() && fetched.error().code() == Code::kNotFound) return out;
  if (!fetched.ok()) return std::move(fetched).error().Context("look for signatures");
  const oci::Manifest manifest = TRY_CTX(oci::ParseManifest(fetched->bytes), "look for signatures");
  for (const oci::Descriptor& layer : manifest.layers) {
    const auto encoded = layer.annotations.find(kSignature);
    if (layer.media_type != kPayloadType || encoded == layer.annotations.end()) continue;
    auto bytes = codec::DecodeBase64(encoded->second);
    if (!bytes.ok()) continue;
    std::string payload = TRY_CTX(FetchPayload(client, path, layer), "fetch a signature");
    out.push_back({std::move(payload), std::move(*bytes)});
    if (out.size() >= kMaxSignatures) break;
  }
  return out;
}

// Why it does not count; empty when it does.
Result<std::string> Judge(const oci::SignedBy& required, const Signature& signature, const oci::Reference& reference,
                          const std::string& digest) {
  bool known = false;
  for (const std::string& key : required.keys)
    known = known || TRY(codec::VerifySignature(key, signature.payload, signature.bytes));
  if (!known) return std::string("it is by none of the keys of the policy");
  const auto claim = oci::ParseSimpleSigning(signature.payload);
  if (!claim.ok()) return claim.error().Message();
  if (claim->manifest_digest != digest) return "it is of '" + claim->manifest_digest + "'";
  if (!oci::Accepts(required.identity, reference, claim->docker_reference))
    return "it was made for '" + claim->docker_reference + "'";
  return std::string();
}

}  // namespace

Status CheckSignatures(const std::vector<oci::SignedBy>& required, registry::Client& client, const std::string& path,
                       const oci::Reference& reference, const std::string& digest) {
  if (required.empty()) return Ok();
  const std::vector<Signature> found = TRY(FetchSignatures(client, path, digest));
  if (found.empty()) return Rejected("A signature was required, but no signature exists");
  for (const oci::SignedBy& one : required) {
    std::string why;
    bool met = false;
    for (const Signature& signature : found) {
      std::string complaint = TRY(Judge(one, signature, reference, digest));
      met = met || complaint.empty();
      if (why.empty()) why = std::move(complaint);
    }
    if (!met)
      return Rejected("no signature of '" + digest + "' is good for " + reference.Familiar() + ": of the first, " +
                      why);
  }
  return Ok();
}

}  // namespace estiba::image
