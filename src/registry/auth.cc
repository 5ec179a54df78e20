#include "registry/auth.h"

#include "base/text.h"
#include "codec/base64.h"
#include "codec/json.h"

namespace estiba::registry {
namespace {

// The next key="value" or key=value of a challenge; false at the end or when it makes no sense.
bool NextParameter(std::string_view& rest, std::string* key, std::string* value) {
  while (!rest.empty() && (rest.front() == ' ' || rest.front() == ',')) rest.remove_prefix(1);
  const std::size_t equals = rest.find('=');
  if (equals == std::string_view::npos) return false;
  *key = ToLower(Trim(rest.substr(0, equals)));
  rest.remove_prefix(equals + 1);
  value->clear();
  if (!rest.starts_with('"')) {
    const std::size_t end = rest.find_first_of(", ");
    *value = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end);
    return true;
  }
  std::size_t i = 1;
  for (; i < rest.size() && rest[i] != '"'; ++i) {
    if (rest[i] == '\\' && i + 1 < rest.size()) ++i;
    *value += rest[i];
  }
  rest.remove_prefix(std::min(rest.size(), i + 1));
  return true;
}

// Keys people and tools have used for one host.
bool IsKeyFor(std::string_view key, std::string_view host) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (key.starts_with(scheme)) key.remove_prefix(scheme.size());
  }
  key = key.substr(0, key.find('/'));
  if (host == "docker.io" && (key == "index.docker.io" || key == "registry-1.docker.io")) return true;
  return key == host;
}

Result<Credentials> ReadEntry(const codec::Json& entry, const std::string& host) {
  Credentials out;
  out.username = entry.GetString("username");
  out.password = entry.GetString("password");
  out.identity_token = entry.GetString("identitytoken");
  out.registry_token = entry.GetString("registrytoken");
  const std::string encoded = entry.GetString("auth");
  if (encoded.empty()) return out;
  const std::string pair = TRY_CTX(codec::DecodeBase64(encoded), "read the credentials for '" + host + "'");
  const std::size_t colon = pair.find(':');
  if (colon == std::string::npos)
    return Error(Code::kInvalidArgument, "read the credentials for '" + host + "': no ':' in them");
  out.username = pair.substr(0, colon);
  out.password = pair.substr(colon + 1);
  while (out.password.ends_with('\0')) out.password.pop_back();  // old clients padded
  return out;
}

}  // namespace

std::optional<Challenge> ParseChallenge(std::string_view header) {
  header = Trim(header);
  const std::size_t blank = header.find(' ');
  const std::string scheme = ToLower(header.substr(0, blank));
  Challenge out;
  if (scheme == "bearer") {
    out.scheme = Challenge::Scheme::kBearer;
  } else if (scheme != "basic") {
    return std::nullopt;
  }
  std::string_view rest = blank == std::string_view::npos ? std::string_view() : header.substr(blank);
  std::string key;
  std::string value;
  while (NextParameter(rest, &key, &value)) {
    if (key == "realm") out.realm = value;
    if (key == "service") out.service = value;
    if (key == "scope") out.scope = value;
  }
  return out;
}

Result<Credentials> FindCredentials(std::string_view config_json, const std::string& host) {
  const codec::Json config = TRY_CTX(codec::ParseJson(config_json), "parse the credentials file");
  const codec::Json* auths = config.Find("auths");
  if (auths == nullptr || !auths->IsObject()) return Credentials{};
  for (const codec::Json::Member& member : *auths->IfObject()) {
    if (IsKeyFor(member.key, host)) return ReadEntry(member.value, host);
  }
  return Credentials{};
}

}  // namespace estiba::registry
