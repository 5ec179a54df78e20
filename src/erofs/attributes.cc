#include "attributes.h"

#include <algorithm>
#include <cstring>

#include "format.h"

namespace estiba::erofs {
namespace {

struct Prefix {
  std::uint8_t index;
  std::string_view text;
  bool whole;  // the prefix is the name
};
constexpr Prefix kPrefixes[] = {{1, "user.", false},
                                {2, "system.posix_acl_access", true},
                                {3, "system.posix_acl_default", true},
                                {4, "trusted.", false},
                                {6, "security.", false}};
// The count in an inode is of 16 bits.
constexpr std::size_t kMaxBytes = 0xFFFE * 4;

const Prefix* PrefixOf(std::string_view name) {
  for (const Prefix& prefix : kPrefixes) {
    if (prefix.whole ? name == prefix.text : name.starts_with(prefix.text)) return &prefix;
  }
  return nullptr;
}

Error Unusable(std::string_view name, const char* why) {
  return Error(Code::kInvalidArgument, "attribute '" + std::string(name) + "' " + why);
}

Error Corrupt() { return Error(Code::kDataLoss, "the attributes of an inode do not hold together"); }

}  // namespace

bool IsAttributeName(std::string_view name) { return PrefixOf(name) != nullptr; }

Result<std::string> EncodeAttributes(const Attributes& attributes) {
  if (attributes.empty()) return std::string();
  std::string out(BytesOf(XattrHeader{}));
  for (auto it = attributes.begin(); it != attributes.end(); ++it) {
    const auto& [name, value] = *it;
    if (std::any_of(it + 1, attributes.end(), [&](const auto& later) { return later.first == name; })) continue;
    const Prefix* prefix = PrefixOf(name);
    if (prefix == nullptr) return Unusable(name, "is of no kind that an image can hold");
    const std::string_view rest = std::string_view(name).substr(prefix->text.size());
    if (rest.empty() != prefix->whole) return Unusable(name, "has no name behind its prefix");
    if (name.size() > kMaxName) return Unusable(name, "has a name of more than 255 bytes");
    if (value.size() > 0xFFFF) return Unusable(name, "has a value of more than 65535 bytes");
    XattrEntry entry;
    entry.name_size = static_cast<std::uint8_t>(rest.size());
    entry.index = prefix->index;
    entry.value_size = static_cast<std::uint16_t>(value.size());
    out.append(BytesOf(entry)).append(rest).append(value);
    out.resize(RoundUp(out.size(), 4));
    if (out.size() - sizeof(XattrHeader) > kMaxBytes) return Unusable(name, "and others are more than 256 KiB");
  }
  return out;
}

Result<Attributes> DecodeAttributes(std::string_view bytes) {
  Attributes out;
  if (bytes.empty()) return out;
  XattrHeader header;
  if (bytes.size() < sizeof header) return Corrupt();
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.shared != 0) return Corrupt();
  bytes.remove_prefix(sizeof header);
  while (!bytes.empty()) {
    XattrEntry entry;
    if (bytes.size() < sizeof entry) return Corrupt();
    std::memcpy(&entry, bytes.data(), sizeof entry);
    const std::size_t size = RoundUp(sizeof entry + entry.name_size + entry.value_size, 4);
    const auto* prefix = std::ranges::find(kPrefixes, entry.index, &Prefix::index);
    if (size > bytes.size() || prefix == std::end(kPrefixes)) return Corrupt();
    out.emplace_back(std::string(prefix->text) + std::string(bytes.substr(sizeof entry, entry.name_size)),
                     bytes.substr(sizeof entry + entry.name_size, entry.value_size));
    bytes.remove_prefix(size);
  }
  return out;
}

}  // namespace estiba::erofs
