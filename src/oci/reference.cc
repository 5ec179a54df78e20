#include "oci/reference.h"

#include <algorithm>

#include "base/parse.h"
#include "base/text.h"

namespace estiba::oci {
namespace {

constexpr std::string_view kDefaultDomain = "docker.io";
constexpr std::string_view kOfficial = "library/";
constexpr std::size_t kMaxName = 255;
constexpr std::size_t kMaxTag = 128;
constexpr std::size_t kHexDigits = 64;

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsAlnum(char c) { return IsLower(c) || IsDigit(c) || (c >= 'A' && c <= 'Z'); }
bool IsHex(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f'); }

Error BadFormat() { return Error(Code::kInvalidArgument, "invalid reference format"); }

// "[a-z0-9]+" pieces joined by '.', '_', "__" or any number of '-'.
bool IsPathComponent(std::string_view text) {
  std::size_t i = 0;
  while (true) {
    const std::size_t piece = i;
    while (i < text.size() && (IsLower(text[i]) || IsDigit(text[i]))) ++i;
    if (i == piece) return false;
    if (i == text.size()) return true;
    const std::size_t separator = i;
    while (i < text.size() && text[i] == '-') ++i;
    if (i > separator) continue;
    if (text[i] == '.') {
      ++i;
    } else if (text[i] == '_') {
      i += text.substr(i).starts_with("__") ? 2 : 1;
    } else {
      return false;
    }
  }
}

bool IsPath(std::string_view text) {
  const auto components = Split(text, '/');
  return std::ranges::all_of(components, [](const std::string& part) { return IsPathComponent(part); });
}

bool IsHostName(std::string_view text) {
  const auto labels = Split(text, '.');
  return std::ranges::all_of(labels, [](const std::string& label) {
    return !label.empty() && label.front() != '-' && label.back() != '-' &&
           std::ranges::all_of(label, [](char c) { return IsAlnum(c) || c == '-'; });
  });
}

// A host name, an IPv4 address or "[IPv6]", and perhaps ":port".
bool IsDomain(std::string_view text) {
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos || end == 1) return false;
    const std::string_view address = text.substr(1, end - 1);
    const auto in_address = [](char c) { return IsHex(c) || (c >= 'A' && c <= 'F') || c == ':'; };
    if (!std::ranges::all_of(address, in_address)) return false;
    text.remove_prefix(end + 1);
    return text.empty() || (text.starts_with(':') && ParseUint(text.substr(1), 65535).ok());
  }
  const std::size_t colon = text.find(':');
  if (colon != std::string_view::npos && !ParseUint(text.substr(colon + 1), 65535).ok()) return false;
  return IsHostName(text.substr(0, colon));
}

bool IsTag(std::string_view text) {
  if (text.empty() || text.size() > kMaxTag || (!IsAlnum(text[0]) && text[0] != '_')) return false;
  return std::ranges::all_of(text, [](char c) { return IsAlnum(c) || c == '_' || c == '.' || c == '-'; });
}

// The host in front of a name: what has a dot, a colon or an upper-case letter in it, and "localhost".
std::string_view DomainPart(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return {};
  const std::string_view first = text.substr(0, slash);
  const bool is_domain = first.find_first_of(".:") != std::string_view::npos || first == "localhost" ||
                         ToLower(first) != first;
  return is_domain ? first : std::string_view();
}

bool IsBareHex(std::string_view text) { return text.size() == kHexDigits && std::ranges::all_of(text, IsHex); }

Status SplitTag(std::string_view rest, Reference& out) {
  const std::size_t at = rest.find('@');
  if (at != std::string_view::npos) {
    out.digest = rest.substr(at + 1);
    if (!IsDigest(out.digest)) return BadFormat();
  }
  rest = rest.substr(0, at);
  const std::size_t colon = rest.find(':');
  if (colon != std::string_view::npos) {
    out.tag = rest.substr(colon + 1);
    if (!IsTag(out.tag)) return BadFormat();
  }
  out.path = rest.substr(0, colon);
  return Ok();
}

std::string Suffix(const Reference& reference) {
  std::string text;
  if (!reference.tag.empty()) text += ":" + reference.tag;
  if (!reference.digest.empty()) text += "@" + reference.digest;
  return text;
}

}  // namespace

std::string Reference::Name() const { return domain + "/" + path; }
std::string Reference::ToString() const { return Name() + Suffix(*this); }
std::string Reference::FamiliarName() const {
  if (domain != kDefaultDomain) return Name();
  const bool official = path.starts_with(kOfficial) && path.find('/', kOfficial.size()) == std::string::npos;
  if (official) return path.substr(kOfficial.size());
  // "docker.io/localhost/x" must not read as x on localhost.
  return DomainPart(path).empty() ? path : Name();
}
std::string Reference::Familiar() const { return FamiliarName() + Suffix(*this); }

Result<std::string> RegistryHost(std::string_view address) {
  std::string_view host = address;
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (host.starts_with(scheme)) host.remove_prefix(scheme.size());
  }
  host = host.substr(0, host.find('/'));
  if (address.empty() || host == "index.docker.io" || host == "registry-1.docker.io")
    return std::string(kDefaultDomain);
  if (!IsDomain(host))
    return Error(Code::kInvalidArgument, "'" + std::string(address) + "' is not the address of a registry");
  return std::string(host);
}

Result<Reference> ParseReference(std::string_view text) {
  if (IsBareHex(text))
    return Error(Code::kInvalidArgument, "invalid repository name (" + std::string(text) +
                                             "), cannot specify 64-byte hexadecimal strings");
  Reference out;
  const std::string_view domain = DomainPart(text);
  TRY(SplitTag(domain.empty() ? text : text.substr(domain.size() + 1), out));
  out.domain = domain.empty() || domain == "index.docker.io" ? kDefaultDomain : domain;
  if (out.path.empty()) return BadFormat();
  if (ToLower(out.path) != out.path)
    return Error(Code::kInvalidArgument,
                 "invalid reference format: repository name (" + out.path + ") must be lowercase");
  if (out.domain == kDefaultDomain && out.path.find('/') == std::string::npos) out.path.insert(0, kOfficial);
  if (!IsDomain(out.domain) || !IsPath(out.path)) return BadFormat();
  if (out.Name().size() > kMaxName)
    return Error(Code::kInvalidArgument, "repository name must not be more than 255 characters");
  return out;
}

Result<Reference> ParseReferenceOrLatest(std::string_view text) {
  Reference out = TRY(ParseReference(text));
  if (out.tag.empty() && out.digest.empty()) out.tag = "latest";
  return out;
}

bool LooksLikeId(std::string_view text) {
  if (text.starts_with("sha256:")) text.remove_prefix(7);
  return text.size() >= 4 && text.size() <= kHexDigits && std::ranges::all_of(text, IsHex);
}

bool IsDigest(std::string_view text) {
  return text.starts_with("sha256:") && text.size() == 7 + kHexDigits && std::ranges::all_of(text.substr(7), IsHex);
}

Result<std::string> DigestHex(std::string_view digest) {
  if (IsDigest(digest)) return std::string(digest.substr(7));
  if (digest.starts_with("sha512:"))
    return Error(Code::kNotImplemented, "digest algorithm sha512 is not supported ('" + std::string(digest) + "')");
  return Error(Code::kInvalidArgument, "'" + std::string(digest.substr(0, 128)) + "' is not a sha256 digest");
}

}  // namespace estiba::oci
