#include "credentials/auth_file.h"

#include <algorithm>

#include "base/text.h"
#include "codec/base64.h"
#include "oci/reference.h"

namespace estiba::credentials {
namespace {

constexpr std::size_t kMaxFile = 1U << 20;

using codec::Json;

Result<oci::RegistryAuth> ReadEntry(const Json& entry, const std::string& key) {
  oci::RegistryAuth out;
  out.username = entry.GetString("username");
  out.password = entry.GetString("password");
  out.identity_token = entry.GetString("identitytoken");
  out.registry_token = entry.GetString("registrytoken");
  const std::string encoded = entry.GetString("auth");
  if (encoded.empty()) return out;
  const std::string pair = TRY_CTX(codec::DecodeBase64(encoded), "read the credentials for '" + key + "'");
  const std::size_t colon = pair.find(':');
  if (colon == std::string::npos)
    return Error(Code::kInvalidArgument, "read the credentials for '" + key + "': no ':' in them");
  out.username = pair.substr(0, colon);
  out.password = pair.substr(colon + 1);
  while (out.password.ends_with('\0')) out.password.pop_back();  // old clients padded
  return out;
}

Json WriteEntry(const oci::RegistryAuth& login) {
  Json out = Json::MakeObject();
  if (!login.username.empty() || !login.password.empty())
    out.Add("auth", codec::EncodeBase64(login.username + ":" + login.password));
  if (!login.identity_token.empty()) out.Add("identitytoken", login.identity_token);
  if (!login.registry_token.empty()) out.Add("registrytoken", login.registry_token);
  return out;
}

// "quay.io/team/app", "quay.io/team", "quay.io".
std::string Above(const std::string& name) {
  const std::size_t slash = name.rfind('/');
  return slash == std::string::npos ? std::string() : name.substr(0, slash);
}

bool Names(const std::string& key, const std::string& host) {
  const auto named = oci::RegistryHost(key);
  return !key.empty() && named.ok() && *named == host;
}

// A key that stands for the whole host, in whatever form; "quay.io/team" does not.
bool IsForHost(const std::string& key, const std::string& host) {
  const std::size_t slash = key.find('/');
  const bool of_part = key.find("://") == std::string::npos && slash != std::string::npos &&
                       !key.substr(slash).starts_with("/v1") && !key.substr(slash).starts_with("/v2");
  return !of_part && Names(key, host);
}

}  // namespace

std::string ServerOf(const std::string& host) { return host == "docker.io" ? std::string(kHubServer) : host; }

Result<AuthFile> AuthFile::Parse(std::string_view text) {
  if (Trim(text).empty()) return AuthFile();
  Json json = TRY(codec::ParseJson(text, {.depth = 32, .bytes = kMaxFile}));
  if (!json.IsObject()) return Error(Code::kInvalidArgument, "not a JSON object");
  for (const char* key : {"auths", "credHelpers"}) {
    const Json* member = json.Find(key);
    if (member != nullptr && !member->IsNull() && !member->IsObject())
      return Error(Code::kInvalidArgument, std::string(key) + ": not a JSON object");
  }
  return AuthFile(std::move(json));
}

Result<std::optional<oci::RegistryAuth>> AuthFile::Find(const std::string& repository) const {
  const Json* auths = json_.Find("auths");
  if (auths == nullptr || !auths->IsObject()) return std::optional<oci::RegistryAuth>();
  for (std::string name = repository; !name.empty(); name = Above(name)) {
    const Json* entry = auths->Find(name);
    if (entry == nullptr) continue;
    oci::RegistryAuth login = TRY(ReadEntry(*entry, name));
    if (!login.empty()) return std::optional<oci::RegistryAuth>(std::move(login));
  }
  const std::string host = repository.substr(0, repository.find('/'));
  for (const Json::Member& member : *auths->IfObject()) {
    if (!IsForHost(member.key, host)) continue;
    oci::RegistryAuth login = TRY(ReadEntry(member.value, member.key));
    if (!login.empty()) return std::optional<oci::RegistryAuth>(std::move(login));
  }
  return std::optional<oci::RegistryAuth>();
}

std::string AuthFile::HelperOf(const std::string& host) const {
  const Json* helpers = json_.Find("credHelpers");
  if (helpers != nullptr && helpers->IsObject()) {
    for (const Json::Member& member : *helpers->IfObject()) {
      const std::string* name = member.value.IfString();
      if (name != nullptr && !name->empty() && Names(member.key, host)) return *name;
    }
  }
  return json_.GetString("credsStore");
}

void AuthFile::Set(const std::string& host, const oci::RegistryAuth& login) {
  Remove(host);
  Json* auths = json_.Find("auths");
  if (auths == nullptr || !auths->IsObject()) auths = &json_.Set("auths", Json::MakeObject());
  auths->Set(ServerOf(host), WriteEntry(login));
}

bool AuthFile::Remove(const std::string& host) {
  Json* auths = json_.Find("auths");
  if (auths == nullptr || !auths->IsObject()) return false;
  return std::erase_if(*auths->IfObject(), [&](const Json::Member& member) { return IsForHost(member.key, host); }) > 0;
}

}  // namespace estiba::credentials
