#include "oci/signature.h"

#include "codec/json.h"
#include "codec/json_reader.h"

namespace estiba::oci {
namespace {

constexpr std::string_view kCosign = "cosign container image signature";
constexpr std::string_view kAtomic = "atomic container signature";

bool SameReference(const Reference& a, const Reference& b) { return a.ToString() == b.ToString(); }

bool RepoDigestOrExact(const Reference& wanted, const Reference& by) {
  if (!wanted.digest.empty()) return wanted.Name() == by.Name();
  return SameReference(wanted, by);
}

// A prefix ends where a part of the name does.
Reference Remap(Reference wanted, const SignedIdentity& identity) {
  const std::string name = wanted.Name();
  const std::string& prefix = identity.prefix;
  const bool whole = name.size() == prefix.size() || (name.size() > prefix.size() && name[prefix.size()] == '/');
  if (!name.starts_with(prefix) || !whole) return wanted;
  auto renamed = ParseReference(identity.signed_prefix + name.substr(prefix.size()));
  if (!renamed.ok()) return wanted;
  renamed->tag = wanted.tag;
  renamed->digest = wanted.digest;
  return std::move(*renamed);
}

}  // namespace

Result<SimpleSigning> ParseSimpleSigning(std::string_view text) {
  const codec::Json json = TRY_CTX(codec::ParseJson(text), "read a signature");
  SimpleSigning out;
  std::string type;
  codec::Reader in(json);
  in.Object("critical", [&](codec::Reader& critical) {
    critical.Require("type", &type);
    critical.Object("identity", [&](codec::Reader& identity) {
      identity.Require("docker-reference", &out.docker_reference);
    });
    critical.Object("image", [&](codec::Reader& image) {
      image.Require("docker-manifest-digest", &out.manifest_digest);
    });
  });
  TRY_CTX(in.Finish(), "read a signature");
  if (type != kCosign && type != kAtomic)
    return Error(Code::kInvalidArgument, "what is signed is of the unknown type '" + type + "'");
  if (!IsDigest(out.manifest_digest) || out.docker_reference.empty())
    return Error(Code::kInvalidArgument, "what is signed names no image");
  return out;
}

bool Accepts(const SignedIdentity& identity, const Reference& wanted, const std::string& signed_reference) {
  const auto by = ParseReference(signed_reference);
  if (!by.ok()) return false;
  const auto asked = ParseReference(identity.reference);
  switch (identity.match) {
    case SignedIdentity::Match::kRepoDigestOrExact: return RepoDigestOrExact(wanted, *by);
    case SignedIdentity::Match::kExact: return SameReference(wanted, *by);
    case SignedIdentity::Match::kRepository: return wanted.Name() == by->Name();
    case SignedIdentity::Match::kExactReference: return asked.ok() && SameReference(*asked, *by);
    case SignedIdentity::Match::kExactRepository: return asked.ok() && asked->Name() == by->Name();
    case SignedIdentity::Match::kRemap: return RepoDigestOrExact(Remap(wanted, identity), *by);
  }
  return false;
}

}  // namespace estiba::oci
