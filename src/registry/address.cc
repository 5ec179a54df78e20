#include "address.h"

#include <algorithm>

#include "base/parse.h"
#include "base/text.h"

namespace estiba::registry {
namespace {

constexpr std::size_t kMaxAddress = 16U << 10;

bool IsClean(std::string_view text) {
  return text.size() <= kMaxAddress &&
         std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) > 0x20 && c != 0x7F; });
}

// "host", "host:port" and "[v6]:port", in which one colon at most is no part of an address.
bool HasOnePort(std::string_view authority) {
  const std::size_t bracket = authority.rfind(']');
  const std::string_view port = bracket == std::string_view::npos ? authority : authority.substr(bracket + 1);
  return std::ranges::count(port, ':') <= 1;
}

}  // namespace

std::optional<Address> ParseAddress(std::string_view text) {
  if (!IsClean(text)) return std::nullopt;
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos) return std::nullopt;
  Address out;
  out.scheme = ToLower(text.substr(0, colon));
  if (out.scheme != "http" && out.scheme != "https") return std::nullopt;
  text.remove_prefix(colon + 3);
  const std::size_t end = text.find_first_of("/?#");
  out.authority = ToLower(text.substr(0, end));
  if (!HasOnePort(out.authority)) return std::nullopt;
  const std::string_view own_port = out.scheme == "https" ? ":443" : ":80";
  if (out.authority.ends_with(own_port)) out.authority.resize(out.authority.size() - own_port.size());
  if (out.authority.empty() || out.authority.find_first_of("@\\") != std::string::npos) return std::nullopt;
  out.rest = end == std::string_view::npos ? std::string() : std::string(text.substr(end));
  out.rest = out.rest.substr(0, out.rest.find('#'));
  if (!out.rest.starts_with('/')) out.rest.insert(0, "/");
  return out;
}

std::optional<Address> Resolve(const Address& base, std::string_view location) {
  location = Trim(location);
  if (location.empty() || !IsClean(location)) return std::nullopt;
  const std::size_t colon = location.find("://");
  if (colon != std::string_view::npos && colon < location.find_first_of("/?#")) return ParseAddress(location);
  if (location.starts_with("//")) return ParseAddress(base.scheme + ":" + std::string(location));
  if (location.starts_with('/')) return ParseAddress(base.Origin() + std::string(location));
  const std::string path = base.rest.substr(0, base.rest.find('?'));
  if (location.starts_with('?')) return ParseAddress(base.Origin() + path + std::string(location));
  return ParseAddress(base.Origin() + path.substr(0, path.rfind('/') + 1) + std::string(location));
}

std::string NextLink(std::string_view header) {
  while (true) {
    const std::size_t open = header.find('<');
    const std::size_t close = header.find('>', open == std::string_view::npos ? 0 : open);
    if (open == std::string_view::npos || close == std::string_view::npos) return {};
    const std::string_view target = header.substr(open + 1, close - open - 1);
    header.remove_prefix(close + 1);
    const std::string_view parameters = header.substr(0, header.find('<'));
    for (const std::string& part : Split(parameters, ';')) {
      std::string plain = ToLower(Trim(part));
      std::erase(plain, '"');
      while (plain.ends_with(',') || plain.ends_with(' ')) plain.pop_back();
      if (plain == "rel=next") return std::string(target);
    }
  }
}

std::string WithQuery(std::string path, std::string_view parameter) {
  path += path.find('?') == std::string::npos ? '?' : '&';
  path += parameter;
  return path;
}

std::optional<std::uint64_t> UploadedBytes(std::string_view range) {
  range = Trim(range);
  if (range.starts_with("bytes=")) range.remove_prefix(6);
  if (!range.starts_with("0-")) return std::nullopt;
  constexpr std::uint64_t kMost = std::uint64_t{1} << 50;
  const auto last = ParseUint(range.substr(2), kMost);
  if (!last.ok()) return std::nullopt;
  return *last == 0 ? 0 : *last + 1;
}

}  // namespace estiba::registry
