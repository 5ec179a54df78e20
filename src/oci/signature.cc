#include "oci/signature.h"

#include "codec/json.h"
#include "codec/json_reader.h"

namespace estiba::oci {
namespace {

constexpr std::string_view kCosign = "cosign container image signature";
constexpr std::string_view kAtomic = "atomic container signature";

// Null is no value of anything but cosign's "optional".
void RefuseUnread(codec::Reader& in) {
  const auto unread = in.Unread();
  if (!unread.empty()) return in.Fail(unread.front(), "is not known");
  const codec::Json::Object* members = in.value().IfObject();
  for (std::size_t i = 0; members != nullptr && i < members->size(); ++i) {
    const codec::Json::Member& member = (*members)[i];
    if (member.value.IsNull() && member.key != "optional") return in.Fail(member.key, "is null");
  }
}

// What is known of it has to be right; what is not is not asked about. Of cosign's anything may be in it.
void ReadOptional(codec::Reader& in, SignatureForm form) {
  if (form != SignatureForm::kOpenPgp) return;
  std::string creator;
  std::int64_t timestamp = 0;
  in.Read("creator", &creator);
  in.Read("timestamp", &timestamp);
}

bool SameReference(const Reference& a, const Reference& b) { return a.ToString() == b.ToString(); }

bool RepoDigestOrExact(const Reference& wanted, const Reference& by) {
  if (!wanted.digest.empty()) return wanted.Name() == by.Name();
  return SameReference(wanted, by);
}

// A prefix ends where a part of the name does. An error where what comes out is no name.
Result<Reference> Remap(Reference wanted, const SignedIdentity& identity) {
  const std::string name = wanted.Name();
  const std::string& prefix = identity.prefix;
  const bool whole = name.size() == prefix.size() || (name.size() > prefix.size() && name[prefix.size()] == '/');
  if (!name.starts_with(prefix) || !whole) return wanted;
  auto renamed = ParseReference(identity.signed_prefix + name.substr(prefix.size()));
  if (!renamed.ok()) return renamed;
  renamed->tag = wanted.tag;
  renamed->digest = wanted.digest;
  return renamed;
}

}  // namespace

Result<SimpleSigning> ParseSimpleSigning(std::string_view text, SignatureForm form) {
  codec::JsonLimits limits;
  limits.unique_keys = true;
  const codec::Json json = TRY_CTX(codec::ParseJson(text, limits), "read a signature");
  SimpleSigning out;
  std::string type;
  codec::Reader in(json);
  in.Object("critical", [&](codec::Reader& critical) {
    critical.Require("type", &type);
    critical.Object("identity", [&](codec::Reader& identity) {
      identity.Require("docker-reference", &out.docker_reference);
      RefuseUnread(identity);
    });
    critical.Object("image", [&](codec::Reader& image) {
      image.Require("docker-manifest-digest", &out.manifest_digest);
      RefuseUnread(image);
    });
    RefuseUnread(critical);
  });
  if (form == SignatureForm::kOpenPgp && !in.Has("optional")) in.Fail("optional", "is missing");
  in.Object("optional", [&](codec::Reader& optional) { ReadOptional(optional, form); });
  RefuseUnread(in);
  TRY_CTX(in.Finish(), "read a signature");
  if (type != (form == SignatureForm::kOpenPgp ? kAtomic : kCosign))
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
    case SignedIdentity::Match::kRemap: {
      const auto renamed = Remap(wanted, identity);
      return renamed.ok() && RepoDigestOrExact(*renamed, *by);
    }
  }
  return false;
}

}  // namespace estiba::oci
