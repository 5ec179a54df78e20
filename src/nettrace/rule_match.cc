// What rules look at: headers, properties of packets and of connections.

#include <cstring>

#include <endian.h>
// Before the kernel's headers, which leave out what it has declared.
#include <netinet/in.h>

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>

#include "base/ip.h"
#include "base/text.h"
#include "rule_text.h"

namespace estiba::nettrace {
namespace {

std::uint32_t Number(std::string_view attributes, std::uint16_t type) {
  const auto found = os::NetlinkAttributes::Find(attributes, type);
  return found ? found->Be32().value_or(0) : 0;
}

struct Field {
  std::uint32_t base, offset, length;
  const char* name;
  ValueKind kind;
};
constexpr Field kIpv4Fields[] = {
    {NFT_PAYLOAD_NETWORK_HEADER, 12, 4, "ip saddr", ValueKind::kAddress},
    {NFT_PAYLOAD_NETWORK_HEADER, 16, 4, "ip daddr", ValueKind::kAddress},
    {NFT_PAYLOAD_NETWORK_HEADER, 9, 1, "ip protocol", ValueKind::kNumber},
    {NFT_PAYLOAD_NETWORK_HEADER, 8, 1, "ip ttl", ValueKind::kNumber},
};
constexpr Field kOtherFields[] = {
    {NFT_PAYLOAD_NETWORK_HEADER, 8, 16, "ip6 saddr", ValueKind::kAddress},
    {NFT_PAYLOAD_NETWORK_HEADER, 24, 16, "ip6 daddr", ValueKind::kAddress},
    {NFT_PAYLOAD_NETWORK_HEADER, 6, 1, "ip6 nexthdr", ValueKind::kNumber},
    {NFT_PAYLOAD_LL_HEADER, 0, 6, "ether daddr", ValueKind::kBytes},
    {NFT_PAYLOAD_LL_HEADER, 6, 6, "ether saddr", ValueKind::kBytes},
    {NFT_PAYLOAD_LL_HEADER, 12, 2, "ether type", ValueKind::kNumber},
};

// A prefix of an address is compared as fewer bytes.
std::optional<Loaded> AddressPrefix(std::uint32_t offset, std::uint32_t length, bool v6) {
  const std::uint32_t whole = v6 ? 16 : 4;
  for (const auto& [at, name] : {std::pair<std::uint32_t, const char*>{v6 ? 8 : 12, v6 ? "ip6 saddr" : "ip saddr"},
                                 {v6 ? 24 : 16, v6 ? "ip6 daddr" : "ip daddr"}}) {
    if (offset != at || length >= whole) continue;
    return Loaded{name, ValueKind::kAddress, (length + 3) / 4,
                  std::string(length, '\xff') + std::string(whole - length, '\0')};
  }
  return std::nullopt;
}

struct Keyed {
  std::uint32_t key;
  const char* name;
  ValueKind kind;
  unsigned registers;
};
constexpr Keyed kMeta[] = {
    {NFT_META_LEN, "meta length", ValueKind::kHostNumber, 1},
    {NFT_META_PROTOCOL, "meta protocol", ValueKind::kNumber, 1},
    {NFT_META_MARK, "meta mark", ValueKind::kFlags, 1},
    {NFT_META_IIF, "iif", ValueKind::kHostNumber, 1},
    {NFT_META_OIF, "oif", ValueKind::kHostNumber, 1},
    {NFT_META_IIFNAME, "iifname", ValueKind::kText, 4},
    {NFT_META_OIFNAME, "oifname", ValueKind::kText, 4},
    {NFT_META_NFPROTO, "meta nfproto", ValueKind::kHostNumber, 1},
    {NFT_META_L4PROTO, "meta l4proto", ValueKind::kHostNumber, 1},
    {NFT_META_PKTTYPE, "meta pkttype", ValueKind::kHostNumber, 1},
    {NFT_META_SKUID, "meta skuid", ValueKind::kHostNumber, 1},
    {NFT_META_SKGID, "meta skgid", ValueKind::kHostNumber, 1},
    {NFT_META_BRI_IIFNAME, "ibrname", ValueKind::kText, 4},
    {NFT_META_BRI_OIFNAME, "obrname", ValueKind::kText, 4},
};
constexpr Keyed kCt[] = {
    {NFT_CT_STATE, "ct state", ValueKind::kFlags, 1},   {NFT_CT_STATUS, "ct status", ValueKind::kFlags, 1},
    {NFT_CT_MARK, "ct mark", ValueKind::kFlags, 1},     {NFT_CT_DIRECTION, "ct direction", ValueKind::kHostNumber, 1},
    {NFT_CT_ZONE, "ct zone", ValueKind::kHostNumber, 1},
};

template <std::size_t N>
Loaded DescribeKeyed(const Keyed (&table)[N], const char* family, std::uint32_t key) {
  for (const Keyed& one : table)
    if (one.key == key) return {one.name, one.kind, one.registers};
  return {"[" + std::string(family) + " " + std::to_string(key) + "]", ValueKind::kBytes, 1};
}

std::string HostNumber(std::string_view bytes) {
  std::uint64_t value = 0;
  if (bytes.size() <= sizeof value) std::memcpy(&value, bytes.data(), bytes.size());
  return std::to_string(value);
}

std::string WireNumber(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char c : bytes.substr(0, 8)) value = value << 8 | static_cast<unsigned char>(c);
  return std::to_string(value);
}

// The names of connection states are what one reads in rules.
std::string Flags(const std::string& name, std::string_view bytes) {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes.data(), std::min(bytes.size(), sizeof value));
  if (name == "ct state") {
    std::vector<std::string> parts;
    for (const auto& [bit, word] : {std::pair(1U, "invalid"), {2U, "established"}, {4U, "related"}, {8U, "new"},
                                    {64U, "untracked"}})
      if ((value & bit) != 0) parts.emplace_back(word);
    if (!parts.empty()) return Join(parts, ",");
  }
  if (name == "ct status" && value == 32) return "dnat";
  char text[16];
  std::snprintf(text, sizeof text, "0x%x", value);
  return text;
}

unsigned PrefixLength(std::string_view mask) {
  unsigned bits = 0;
  for (const char c : mask) bits += static_cast<unsigned>(__builtin_popcount(static_cast<unsigned char>(c)));
  return bits;
}

std::string AddressText(const Loaded& what, std::string_view bytes) {
  std::string whole(bytes);
  const std::size_t length = !what.mask.empty() ? what.mask.size() : whole.size();
  whole.resize(length, '\0');
  auto address = Ip::FromBytes(whole);
  if (!address.ok()) return "0x" + Hex(bytes);
  const unsigned bits = what.mask.empty() ? address->Bits() : PrefixLength(what.mask);
  return ToString(*address) + (bits < address->Bits() ? "/" + std::to_string(bits) : "");
}

std::string_view XtInfo(std::string_view attributes) {
  const auto info = os::NetlinkAttributes::Find(attributes, NFTA_MATCH_INFO);
  return info ? info->bytes : std::string_view();
}

// struct xt_tcp and xt_udp begin alike: source ports from and to, destination ports from and to, in host order.
std::string XtPorts(const std::string& name, std::string_view info) {
  std::uint16_t ports[4] = {0, 0xffff, 0, 0xffff};
  if (info.size() >= sizeof ports) std::memcpy(ports, info.data(), sizeof ports);
  const auto range = [&](const char* what, std::uint16_t from, std::uint16_t to) -> std::string {
    if (from == 0 && to == 0xffff) return "";
    return name + " " + what + " " + std::to_string(from) + (from == to ? "" : "-" + std::to_string(to));
  };
  const std::string source = range("sport", ports[0], ports[1]), destination = range("dport", ports[2], ports[3]);
  return source + (source.empty() || destination.empty() ? "" : " ") + destination;
}

}  // namespace

std::string TransportName(unsigned protocol) {
  if (protocol == IPPROTO_TCP) return "tcp";
  if (protocol == IPPROTO_UDP) return "udp";
  return protocol == IPPROTO_SCTP ? "sctp" : "th";
}

Loaded DescribePayload(std::string_view attributes, unsigned protocol, unsigned family) {
  const std::uint32_t base = Number(attributes, NFTA_PAYLOAD_BASE), offset = Number(attributes, NFTA_PAYLOAD_OFFSET),
                      length = Number(attributes, NFTA_PAYLOAD_LEN);
  const unsigned registers = (length + 3) / 4;
  if (base == NFT_PAYLOAD_TRANSPORT_HEADER && length == 2 && offset <= 2)
    return {TransportName(protocol) + (offset == 0 ? " sport" : " dport"), ValueKind::kNumber, registers};
  if (base == NFT_PAYLOAD_TRANSPORT_HEADER && protocol == IPPROTO_ICMP && offset == 0 && length == 1)
    return {"icmp type", ValueKind::kNumber, registers};
  if (family != AF_INET6)
    for (const Field& field : kIpv4Fields)
      if (field.base == base && field.offset == offset && field.length == length)
        return {field.name, field.kind, registers};
  for (const Field& field : kOtherFields)
    if (field.base == base && field.offset == offset && field.length == length)
      return {field.name, field.kind, registers};
  if (base == NFT_PAYLOAD_NETWORK_HEADER)
    if (const auto prefix = AddressPrefix(offset, length, family == AF_INET6)) return *prefix;
  const char* bases[] = {"@ll", "@nh", "@th", "@ih"};
  return {std::string(base < 4 ? bases[base] : "@?") + "," + std::to_string(offset * 8) + "," +
              std::to_string(length * 8),
          ValueKind::kBytes, registers};
}

Loaded DescribeMeta(std::string_view attributes) {
  return DescribeKeyed(kMeta, "meta", Number(attributes, NFTA_META_KEY));
}
Loaded DescribeCt(std::string_view attributes) {
  return DescribeKeyed(kCt, "ct", Number(attributes, NFTA_CT_KEY));
}

std::string FormatValue(const Loaded& what, std::string_view bytes) {
  switch (what.kind) {
    case ValueKind::kAddress: return AddressText(what, bytes);
    case ValueKind::kText: return "\"" + std::string(bytes.substr(0, bytes.find('\0'))) +
                                  (bytes.find('\0') == std::string_view::npos ? "*\"" : "\"");
    case ValueKind::kHostNumber:
      if (what.name == "meta l4proto" && bytes.size() == 1)
        if (const std::string name = TransportName(static_cast<unsigned char>(bytes[0])); name != "th") return name;
      return HostNumber(bytes);
    case ValueKind::kNumber: return WireNumber(bytes);
    case ValueKind::kFlags: return Flags(what.name, bytes);
    case ValueKind::kBytes: break;
  }
  return "0x" + Hex(bytes);
}

std::string DescribeXtMatch(std::string_view attributes) {
  const auto found = os::NetlinkAttributes::Find(attributes, NFTA_MATCH_NAME);
  const std::string name(found ? found->Text() : "?");
  const std::string_view info = XtInfo(attributes);
  if (name == "tcp" || name == "udp")
    if (const std::string ports = XtPorts(name, info); !ports.empty()) return ports;
  if (name == "comment") return "comment \"" + std::string(info.substr(0, info.find('\0'))) + "\"";
  return "[xt " + name + "]";
}

}  // namespace estiba::nettrace
