#include "base/ip.h"

#include <algorithm>

#include <arpa/inet.h>

#include "base/parse.h"

namespace estiba {
namespace {

// The bits of byte `i` that belong to a prefix of that length.
std::uint8_t MaskByte(unsigned length, unsigned i) {
  const unsigned before = i * 8;
  if (length >= before + 8) return 0xff;
  if (length <= before) return 0;
  return static_cast<std::uint8_t>(0xff << (8 - (length - before)));
}

}  // namespace

std::string Ip::Bytes() const { return {reinterpret_cast<const char*>(bytes.data()), Bits() / 8}; }

Result<Ip> Ip::FromBytes(std::string_view bytes) {
  Ip ip;
  if (bytes.size() != 4 && bytes.size() != ip.bytes.size())
    return Error(Code::kInvalidArgument, "an IP address has 4 or 16 bytes, not " + std::to_string(bytes.size()));
  ip.v6 = bytes.size() > 4;
  std::ranges::copy(bytes, ip.bytes.begin());
  return ip;
}

bool Ip::IsAny() const {
  return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
}

bool Ip::IsLoopback() const {
  Ip one{true, {}};
  one.bytes.back() = 1;
  return v6 ? *this == one : bytes[0] == 127;
}

bool Ip::IsLinkLocal() const {
  return v6 ? bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80 : bytes[0] == 169 && bytes[1] == 254;
}

Result<Ip> ParseIp(std::string_view text) {
  Ip ip;
  ip.v6 = text.contains(':');
  const std::string terminated(text);
  const int family = ip.v6 ? AF_INET6 : AF_INET;
  if (text.contains('\0') || ::inet_pton(family, terminated.c_str(), ip.bytes.data()) != 1)
    return Error(Code::kInvalidArgument, "invalid IP address: " + terminated);
  return ip;
}

std::string ToString(const Ip& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(address.v6 ? AF_INET6 : AF_INET, address.bytes.data(), text.data(), text.size());
  return text.data();
}

std::string WithPort(const Ip& address, std::uint16_t port) {
  const std::string text = ToString(address);
  return (address.v6 ? '[' + text + ']' : text) + ':' + std::to_string(port);
}

IpPrefix IpPrefix::Network() const {
  IpPrefix network = *this;
  for (unsigned i = 0; i < address.Bits() / 8; ++i) network.address.bytes[i] &= MaskByte(length, i);
  return network;
}

bool IpPrefix::Contains(const Ip& other) const {
  return other.v6 == address.v6 && IpPrefix{other, length}.Network() == Network();
}

Ip IpPrefix::Last() const {
  Ip last = address;
  for (unsigned i = 0; i < address.Bits() / 8; ++i)
    last.bytes[i] = static_cast<std::uint8_t>(last.bytes[i] | (~MaskByte(length, i) & 0xff));
  return last;
}

Result<IpPrefix> ParseIpPrefix(std::string_view text, bool bare) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos && !bare)
    return Error(Code::kInvalidArgument, "invalid address '" + std::string(text) + "': no /LENGTH behind it");
  IpPrefix prefix;
  prefix.address = TRY(ParseIp(text.substr(0, slash)));
  prefix.length = prefix.address.Bits();
  if (slash == std::string_view::npos) return prefix;
  const auto length = ParseUint(text.substr(slash + 1), prefix.length);
  if (!length.ok())
    return Error(Code::kInvalidArgument, "invalid address '" + std::string(text) + "': the length behind '/' is 0 to " +
                                             std::to_string(prefix.length));
  prefix.length = static_cast<unsigned>(*length);
  return prefix;
}

std::string ToString(const IpPrefix& prefix) { return ToString(prefix.address) + '/' + std::to_string(prefix.length); }

}  // namespace estiba
