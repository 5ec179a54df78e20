#include "net/address.h"

#include <optional>

#include "base/parse.h"
#include "base/text.h"

namespace estiba::net {
namespace {

Error BadAddress(std::string_view text) {
  return Error(Code::kInvalidArgument, "invalid IP address: " + std::string(text));
}

// One part of a dotted quad: no sign, no leading zero (some resolvers read those as octal).
std::optional<std::uint32_t> ParseOctet(std::string_view text) {
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  const auto value = ParseUint(text, 255);
  if (!value.ok()) return std::nullopt;
  return static_cast<std::uint32_t>(value.value());
}

std::optional<std::uint8_t> HexDigit(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<std::uint8_t>(c - 'A' + 10);
  return std::nullopt;
}

}  // namespace

std::string Ipv4::Bytes() const {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(value >> shift & 0xff));
  return bytes;
}

Result<Ipv4> ParseIpv4(std::string_view text) {
  if (text.size() > 15) return BadAddress(text);
  const std::vector<std::string> parts = Split(text, '.');
  if (parts.size() != 4) return BadAddress(text);
  Ipv4 address;
  for (const std::string& part : parts) {
    const auto octet = ParseOctet(part);
    if (!octet) return BadAddress(text);
    address.value = address.value << 8 | *octet;
  }
  return address;
}

std::string ToString(Ipv4 address) {
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8) {
    text += std::to_string(address.value >> shift & 0xff);
    if (shift != 0) text += '.';
  }
  return text;
}

Result<InterfaceAddress> ParseInterfaceAddress(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto invalid = [&] { return Error(Code::kInvalidArgument, "invalid CIDR address: " + std::string(text)); };
  if (slash == std::string_view::npos) return invalid();
  const auto address = ParseIpv4(text.substr(0, slash));
  const auto prefix = ParseUint(text.substr(slash + 1), 32);
  if (!address.ok() || !prefix.ok()) return invalid();
  return InterfaceAddress{address.value(), static_cast<unsigned>(prefix.value())};
}

std::string ToString(const InterfaceAddress& address) {
  return ToString(address.address) + '/' + std::to_string(address.prefix);
}

Result<Subnet> ParseSubnet(std::string_view text) {
  const InterfaceAddress address = TRY(ParseInterfaceAddress(text));
  Subnet subnet{address.address, address.prefix};
  subnet.base.value &= subnet.Mask();
  return subnet;
}

std::string ToString(const Subnet& subnet) { return ToString(subnet.base) + '/' + std::to_string(subnet.prefix); }

Result<Mac> ParseMac(std::string_view text) {
  const auto invalid = [&] {
    return Error(Code::kInvalidArgument, "address " + std::string(text) + ": invalid MAC address");
  };
  if (text.size() != 17 || (text[2] != ':' && text[2] != '-')) return invalid();
  Mac mac;
  for (std::size_t i = 0; i < 6; ++i) {
    const auto high = HexDigit(text[i * 3]);
    const auto low = HexDigit(text[i * 3 + 1]);
    if (!high || !low || (i < 5 && text[i * 3 + 2] != text[2])) return invalid();
    mac.bytes[i] = static_cast<std::uint8_t>(*high << 4 | *low);
  }
  if (mac.bytes[0] & 1) return invalid();  // a group address cannot be an interface's
  return mac;
}

std::string ToString(const Mac& mac) {
  std::string text;
  for (const std::uint8_t byte : mac.bytes) {
    if (!text.empty()) text += ':';
    const char c = static_cast<char>(byte);
    text += Hex(std::string_view(&c, 1));
  }
  return text;
}

Mac MacFor(Ipv4 address) {
  Mac mac;
  mac.bytes = {0x02, 0x42};
  for (unsigned i = 0; i < 4; ++i) mac.bytes[2 + i] = static_cast<std::uint8_t>(address.value >> (24 - 8 * i));
  return mac;
}

}  // namespace estiba::net
