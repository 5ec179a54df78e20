#include "sources/policy.h"

#include <algorithm>
#include <cerrno>

#include "base/text.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "codec/json_reader.h"
#include "os/file.h"
#include "scopes.h"

namespace estiba::sources {
namespace {

using codec::Reader;
using Kind = Requirement::Kind;
using Match = oci::SignedIdentity::Match;

constexpr std::size_t kMaxFile = 1U << 20;

void RefuseUnread(Reader& in) {
  const auto unread = in.Unread();
  if (!unread.empty()) in.Fail(unread.front(), "is not known");
}

// `whole`: with a tag or a digest; else without.
void ReadReference(Reader& in, const char* member, bool whole, std::string* out) {
  in.Require(member, out);
  const auto parsed = oci::ParseReference(*out);
  if (!parsed.ok()) return in.Fail(member, parsed.error().Message());
  const bool has_end = !parsed->tag.empty() || !parsed->digest.empty();
  if (has_end != whole) in.Fail(member, whole ? "needs a tag or a digest" : "may have no tag and no digest");
}

void ReadIdentity(Reader& in, oci::SignedIdentity* out) {
  std::string type;
  in.Require("type", &type);
  if (type == "matchExact") out->match = Match::kExact;
  else if (type == "matchRepoDigestOrExact") out->match = Match::kRepoDigestOrExact;
  else if (type == "matchRepository") out->match = Match::kRepository;
  else if (type == "exactReference") out->match = Match::kExactReference;
  else if (type == "exactRepository") out->match = Match::kExactRepository;
  else if (type == "remapIdentity") out->match = Match::kRemap;
  else in.Fail("type", "'" + type + "' is no identity");
  if (out->match == Match::kExactReference) ReadReference(in, "dockerReference", /*whole=*/true, &out->reference);
  if (out->match == Match::kExactRepository) ReadReference(in, "dockerRepository", /*whole=*/false, &out->reference);
  if (out->match == Match::kRemap) {
    in.Require("prefix", &out->prefix);
    in.Require("signedPrefix", &out->signed_prefix);
  }
  RefuseUnread(in);
}

void AddKey(Reader& in, const char* member, const std::string& text, Requirement* out) {
  auto key = codec::DecodeBase64(text);
  if (!key.ok()) return in.Fail(member, "is not base64");
  out->signed_by.keys.push_back(std::move(*key));
}

// One of the members says which keys count. `datas` is null where there is no such member.
void ReadKeys(Reader& in, const char* datas, Requirement* out) {
  int said = 0;
  for (const char* member : {"keyPath", "keyPaths", "keyData", datas}) said += member != nullptr && in.Has(member);
  std::string path;
  std::string data;
  std::vector<std::string> more;
  in.Read("keyPath", &path);
  in.Read("keyPaths", &out->key_paths);
  in.Read("keyData", &data);
  if (datas != nullptr) in.Read(datas, &more);
  if (!path.empty()) out->key_paths.push_back(path);
  if (!data.empty()) AddKey(in, "keyData", data, out);
  for (const std::string& one : more) AddKey(in, datas, one, out);
  if (out->kind != Kind::kSigned) return;
  const std::string members = "keyPath, keyPaths" + std::string(datas == nullptr ? " or " : ", ") + "keyData" +
                              (datas == nullptr ? "" : " or " + std::string(datas));
  if (said > 1) in.Fail("type", "only one of " + members + " may be there");
  if (out->key_paths.empty() && out->signed_by.keys.empty()) in.Fail("type", "needs " + members);
}

void ReadSigstoreSigned(Reader& in, Requirement* out) {
  out->kind = Kind::kSigned;
  in.Object("signedIdentity", [out](Reader& identity) { ReadIdentity(identity, &out->signed_by.identity); });
  for (const char* member : {"fulcio", "pki", "rekorPublicKeyPath", "rekorPublicKeyPaths", "rekorPublicKeyData",
                             "rekorPublicKeyDatas"}) {
    if (in.Take(member) == nullptr) continue;
    out->kind = Kind::kUnsupported;
    out->what = "sigstoreSigned with '" + std::string(member) + "'";
  }
  ReadKeys(in, "keyDatas", out);
  RefuseUnread(in);
}

void ReadSignedBy(Reader& in, Requirement* out) {
  out->kind = Kind::kSigned;
  out->signed_by.form = oci::SignatureForm::kOpenPgp;
  std::string type;
  in.Require("keyType", &type);
  if (type == "signedByGPGKeys" || type == "X509Certificates" || type == "signedByX509CAs") {
    out->kind = Kind::kUnsupported;
    out->what = "signedBy with keyType '" + type + "'";
  } else if (type != "GPGKeys") {
    in.Fail("keyType", "'" + type + "' is no type of keys");
  }
  in.Object("signedIdentity", [out](Reader& identity) { ReadIdentity(identity, &out->signed_by.identity); });
  ReadKeys(in, nullptr, out);
  RefuseUnread(in);
}

void ReadRequirement(Reader& in, Requirement* out) {
  std::string type;
  in.Require("type", &type);
  if (type == "sigstoreSigned") return ReadSigstoreSigned(in, out);
  if (type == "signedBy") return ReadSignedBy(in, out);
  if (type == "insecureAcceptAnything") {
    out->kind = Kind::kAccept;
  } else if (type == "reject") {
    out->kind = Kind::kReject;
  } else if (type == "signedBaseLayer") {
    out->kind = Kind::kUnsupported;
    out->what = "type 'signedBaseLayer'";
    return;  // its members are not ours to judge
  } else {
    in.Fail("type", "'" + type + "' is no requirement");
  }
  RefuseUnread(in);
}

// The requirements of one scope: a list that is not empty.
Status ReadList(const codec::Json& list, const std::string& where, std::vector<Requirement>* out) {
  if (!list.IsArray() || list.empty())
    return Error(Code::kInvalidArgument, where + ": expected a list of at least one requirement");
  for (std::size_t i = 0; i < list.size(); ++i) {
    Reader in((*list.IfArray())[i], where + "[" + std::to_string(i) + "]");
    ReadRequirement(in, &out->emplace_back());
    TRY(in.Finish());
  }
  return Ok();
}

}  // namespace

Result<Policy> Policy::Parse(std::string_view text, const std::string& file) {
  codec::JsonLimits limits;
  limits.unique_keys = true;
  const codec::Json json = TRY_CTX(codec::ParseJson(text, limits), "read '" + file + "'");
  if (!json.IsObject()) return Error(Code::kInvalidArgument, "read '" + file + "': expected an object");
  Policy out;
  out.file_ = file;
  for (const auto& [key, value] : *json.IfObject()) {
    if (key == "default") {
      TRY_CTX(ReadList(value, key, &out.default_), "read '" + file + "'");
    } else if (key != "transports" || !value.IsObject()) {
      return Error(Code::kInvalidArgument, "read '" + file + "': '" + key + "' is not known");
    }
  }
  if (out.default_.empty()) return Error(Code::kInvalidArgument, "read '" + file + "': 'default' is missing");
  const codec::Json* docker = json.FindPath({"transports", "docker"});
  if (docker == nullptr) return out;
  if (!docker->IsObject())
    return Error(Code::kInvalidArgument, "read '" + file + "': transports.docker: expected an object");
  for (const auto& [scope, list] : *docker->IfObject())
    TRY_CTX(ReadList(list, "transports.docker." + scope, &out.docker_[scope]), "read '" + file + "'");
  return out;
}

const std::vector<Requirement>& Policy::For(const oci::Reference& reference) const {
  std::vector<std::string> scopes = ScopesOf(reference);
  scopes.emplace_back();  // the transport's own
  for (const std::string& scope : scopes) {
    const auto found = docker_.find(scope);
    if (found != docker_.end()) return found->second;
  }
  return default_;
}

Result<std::optional<Policy>> LoadPolicy(const std::vector<std::string>& folders) {
  for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder) {
    const std::string path = *folder + "/policy.json";
    const auto text = os::ReadFile(path, kMaxFile);
    if (!text.ok() && (text.error().errnum() == ENOENT || text.error().errnum() == ENOTDIR)) continue;
    if (!text.ok()) return text.error().Clone();
    Policy policy = TRY(Policy::Parse(*text, path));
    return std::optional(std::move(policy));
  }
  return std::optional<Policy>();
}

Result<std::vector<oci::SignedBy>> SignaturesFor(const Policy& policy, const oci::Reference& reference) {
  std::vector<oci::SignedBy> out;
  for (const Requirement& one : policy.For(reference)) {
    if (one.kind == Kind::kAccept) continue;
    if (one.kind == Kind::kReject)
      return Error(Code::kPermissionDenied, "Source image rejected: Running image docker://" + reference.Familiar() +
                                                " is rejected by policy.")
          .Hint("'" + policy.file() + "' says which images may be pulled");
    if (one.kind == Kind::kUnsupported)
      return Error(Code::kPermissionDenied, "Source image rejected: '" + policy.file() + "' asks for " + one.what +
                                                ", which this engine cannot verify")
          .Hint("signatures by key are supported: sigstoreSigned with keyPath or keyData, signedBy with GPGKeys");
    oci::SignedBy& needed = out.emplace_back(one.signed_by);
    for (const std::string& path : one.key_paths)
      needed.keys.push_back(TRY_CTX(os::ReadFile(path, kMaxFile), "read a key that '" + policy.file() + "' names"));
  }
  return out;
}

}  // namespace estiba::sources
