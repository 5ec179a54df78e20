#include "dns/name.h"

#include "base/text.h"

namespace estiba::dns {
namespace {

constexpr std::size_t kMaxName = 255;
constexpr std::size_t kMaxLabel = 63;
constexpr unsigned kPointer = 0xC0;

unsigned ByteAt(std::string_view packet, std::size_t at) { return static_cast<unsigned char>(packet[at]); }

void AppendLabel(std::string& name, std::string_view label) {
  if (!name.empty()) name += '.';
  for (const char c : label) {
    if (c == '.' || c == '\\') name += '\\';
    name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
}

}  // namespace

std::optional<NameRead> ReadName(std::string_view packet, std::size_t at) {
  NameRead read;
  std::size_t start = at;  // of the run of labels that is read: pointers go to before it
  std::size_t length = 1;  // on the wire, uncompressed, with the final zero
  while (at < packet.size()) {
    const unsigned size = ByteAt(packet, at);
    if (size == 0) {
      if (!read.compressed) read.end = at + 1;
      return read;
    }
    if ((size & kPointer) == kPointer) {
      if (at + 1 >= packet.size()) return std::nullopt;
      const std::size_t target = (size & ~kPointer) << 8 | ByteAt(packet, at + 1);
      if (target >= start) return std::nullopt;
      if (!read.compressed) read.end = at + 2;
      read.compressed = true;
      start = at = target;
      continue;
    }
    length += size + 1;
    if (size > kMaxLabel || length > kMaxName || at + 1 + size > packet.size()) return std::nullopt;
    AppendLabel(read.name, packet.substr(at + 1, size));
    at += size + 1;
  }
  return std::nullopt;
}

bool IsName(std::string_view text) {
  if (text.empty() || text.size() + 2 > kMaxName) return false;
  for (const std::string& label : Split(text, '.')) {
    if (label.empty() || label.size() > kMaxLabel) return false;
    for (const char c : label) {
      if (c <= ' ' || c > '~' || c == '\\') return false;
    }
  }
  return true;
}

void AppendName(std::string& out, std::string_view name) {
  if (!name.empty()) {
    for (const std::string& label : Split(name, '.')) {
      out += static_cast<char>(label.size());
      out += label;
    }
  }
  out += '\0';
}

}  // namespace estiba::dns
