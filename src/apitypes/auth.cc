#include "apitypes/image.h"
#include "fields.h"

namespace estiba::apitypes {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// Base64url; the standard alphabet's '+' and '/' and missing padding are accepted, as Go clients send all of
// them.
std::optional<std::string> DecodeBase64(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string out;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (char c : text) {
    if (c == '\r' || c == '\n') continue;
    if (c == '+') c = '-';
    if (c == '/') c = '_';
    const std::size_t value = kAlphabet.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    bits = (bits << 6U) | static_cast<std::uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += static_cast<char>((bits >> count) & 0xFFU);
    }
  }
  return out;
}

std::string EncodeBase64(std::string_view bytes) {
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t bits = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      bits = (bits << 8U) | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0U);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      const bool padding = i + j > bytes.size();
      out += padding ? '=' : kAlphabet[(bits >> (18U - 6U * j)) & 63U];
    }
  }
  return out;
}

}  // namespace

template <typename A>
void Describe(A& f, AuthConfig& v) {
  f.Omit("username", v.username);
  f.Omit("password", v.password);
  f.Omit("email", v.email);
  f.Omit("serveraddress", v.server_address);
  f.Omit("identitytoken", v.identity_token);
  f.Omit("registrytoken", v.registry_token);
}

codec::Json AuthConfig::ToJson() const { return Write(*this); }
Result<AuthConfig> AuthConfig::FromJson(const codec::Json& json) { return Load<AuthConfig>(json); }

AuthConfig AuthConfig::FromHeader(const std::string& header) {
  const auto text = DecodeBase64(header);
  if (!text.has_value()) return {};
  auto json = codec::ParseJson(*text, {.depth = 4, .bytes = 64 * 1024});
  if (!json.ok()) return {};
  auto auth = FromJson(*json);
  return auth.ok() ? std::move(auth).value() : AuthConfig{};
}

std::string AuthConfig::ToHeader() const { return EncodeBase64(ToJson().Dump()); }

}  // namespace estiba::apitypes
