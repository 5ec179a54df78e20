#pragma once
// Addresses in registries' answers: where an upload goes on, where the next page of a list is. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace estiba::registry {

// "https://host:5000/path?query" in parts.
struct Address {
  std::string scheme;     // "http" or "https"
  std::string authority;  // "host:5000", lower case, without the scheme's own port
  std::string rest;       // "/path?query"; at least "/"

  // "https://host:5000"
  std::string Origin() const { return scheme + "://" + authority; }
};
// Nothing for other schemes, for user information in it, for control characters, and above 16 KiB.
std::optional<Address> ParseAddress(std::string_view text);

// What a Location or a link means in the answer of `base` (RFC 3986, 5.2): an address of its own, one with the base's
// scheme ("//host/…"), a path from the root or from the base's folder.
std::optional<Address> Resolve(const Address& base, std::string_view location);

// The target of the link with rel="next" in a Link header (RFC 8288); "" without one.
std::string NextLink(std::string_view header);

// `path` with "name=value" behind it; the value must be encoded already.
std::string WithQuery(std::string path, std::string_view parameter);

// How many bytes a registry has of an upload by its Range header ("0-1023" are 1024; "bytes=0-1023" too). A registry
// that has nothing says "0-0", as one with a single byte would.
std::optional<std::uint64_t> UploadedBytes(std::string_view range);

}  // namespace estiba::registry
