#include "net/ip.h"

#include <arpa/inet.h>

#include "base/parse.h"
#include "net/address.h"

namespace estiba::net {
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

Result<Ip> ParseIp(std::string_view text) {
  Ip ip;
  if (text.find(':') == std::string_view::npos) {
    const std::string four = TRY(ParseIpv4(text)).Bytes();
    std::copy(four.begin(), four.end(), ip.bytes.begin());
    return ip;
  }
  ip.v6 = true;
  const std::string terminated(text);
  if (text.size() >= INET6_ADDRSTRLEN || ::inet_pton(AF_INET6, terminated.c_str(), ip.bytes.data()) != 1)
    return Error(Code::kInvalidArgument, "invalid IP address: " + terminated);
  return ip;
}

std::string ToString(const Ip& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(address.v6 ? AF_INET6 : AF_INET, address.bytes.data(), text.data(), text.size());
  return text.data();
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

}  // namespace estiba::net
