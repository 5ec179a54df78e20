#include "sources/policy.h"

#include <algorithm>
#include <cerrno>

#include "base/text.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "codec/json_reader.h"
#include "os/file.h"

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
  if (out->match == Match::kExactReference) in.Require("dockerReference", &out->reference);
  if (out->match == Match::kExactRepository) in.Require("dockerRepository", &out->reference);
  if (out->match == Match::kRemap) {
    in.Require("prefix", &out->prefix);
    in.Require("signedPrefix", &out->signed_prefix);
  }
  RefuseUnread(in);
}

void AddKey(Reader& in, const char* member, const std::string& text, Requirement* out) {
  auto pem = codec::DecodeBase64(text);
  if (!pem.ok()) return in.Fail(member, "is not base64");
  out->signed_by.keys.push_back(std::move(*pem));
}

void ReadSigned(Reader& in, Requirement* out) {
  out->kind = Kind::kSigned;
  std::string path;
  std::string data;
  std::vector<std::string> datas;
  in.Read("keyPath", &path);
  in.Read("keyPaths", &out->key_paths);
  in.Read("keyData", &data);
  in.Read("keyDatas", &datas);
  if (!path.empty()) out->key_paths.push_back(path);
  if (!data.empty()) AddKey(in, "keyData", data, out);
  for (const std::string& one : datas) AddKey(in, "keyDatas", one, out);
  in.Object("signedIdentity", [out](Reader& identity) { ReadIdentity(identity, &out->signed_by.identity); });
  for (const char* member : {"fulcio", "pki", "rekorPublicKeyPath", "rekorPublicKeyPaths", "rekorPublicKeyData",
                             "rekorPublicKeyDatas"}) {
    if (in.Take(member) == nullptr) continue;
    out->kind = Kind::kUnsupported;
    out->what = "sigstoreSigned with '" + std::string(member) + "'";
  }
  RefuseUnread(in);
  if (out->kind == Kind::kSigned && out->key_paths.empty() && out->signed_by.keys.empty())
    in.Fail("type", "sigstoreSigned needs keyPath, keyPaths, keyData or keyDatas");
}

void ReadRequirement(Reader& in, Requirement* out) {
  std::string type;
  in.Require("type", &type);
  if (type == "sigstoreSigned") return ReadSigned(in, out);
  if (type == "insecureAcceptAnything") {
    out->kind = Kind::kAccept;
  } else if (type == "reject") {
    out->kind = Kind::kReject;
  } else if (type == "signedBy" || type == "signedBaseLayer") {
    out->kind = Kind::kUnsupported;
    out->what = "type '" + type + "' (GPG signatures)";
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

// From the reference itself to its host, then the host's domains: "*.b.c", "*.c".
std::vector<std::string> ScopesOf(const oci::Reference& reference) {
  const std::string name = reference.Name();
  std::vector<std::string> scopes;
  scopes.push_back(reference.digest.empty() ? name + ":" + reference.tag : name + "@" + reference.digest);
  for (std::size_t end = name.size(); end != std::string::npos && end > 0; end = name.rfind('/', end - 1))
    scopes.push_back(name.substr(0, end));
  const std::string& host = reference.domain;
  for (std::size_t dot = host.find('.'); dot != std::string::npos; dot = host.find('.', dot + 1))
    scopes.push_back("*" + host.substr(dot));
  scopes.emplace_back();  // the transport's own
  return scopes;
}

}  // namespace

Result<Policy> Policy::Parse(std::string_view text, const std::string& file) {
  const codec::Json json = TRY_CTX(codec::ParseJson(text), "read '" + file + "'");
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
  for (const std::string& scope : ScopesOf(reference)) {
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
          .Hint("signatures by key (sigstoreSigned with keyPath or keyData) are supported");
    oci::SignedBy& needed = out.emplace_back(one.signed_by);
    for (const std::string& path : one.key_paths)
      needed.keys.push_back(TRY_CTX(os::ReadFile(path, kMaxFile), "read a key that '" + policy.file() + "' names"));
  }
  return out;
}

}  // namespace estiba::sources
