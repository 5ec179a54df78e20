#include "dns/address.h"

#include <algorithm>

#include <arpa/inet.h>

#include "base/parse.h"

namespace estiba::dns {
namespace {

constexpr std::uint16_t kPort = 53;

Error Bad(std::string_view text) {
  return Error(Code::kInvalidArgument, "invalid IP address '" + std::string(text) + "'");
}

}  // namespace

Result<Address> ParseAddress(std::string_view text) {
  const std::string copy(text);
  char bytes[sizeof(in6_addr)];
  if (copy.find('\0') != std::string::npos) return Bad(text);
  if (::inet_pton(AF_INET, copy.c_str(), bytes) == 1) return Address{std::string(bytes, sizeof(in_addr))};
  if (::inet_pton(AF_INET6, copy.c_str(), bytes) == 1) return Address{std::string(bytes, sizeof(in6_addr))};
  return Bad(text);
}

std::string ToString(const Address& address) {
  char text[INET6_ADDRSTRLEN] = {};
  if (address.bytes.size() != sizeof(in_addr) && !address.six()) return {};
  const char* written = ::inet_ntop(address.six() ? AF_INET6 : AF_INET, address.bytes.data(), text, sizeof text);
  return written == nullptr ? std::string() : std::string(written);
}

bool NetworkAddress::Contains(const Address& other) const {
  if (other.bytes.size() != address.bytes.size()) return false;
  for (unsigned bit = 0; bit < prefix; bit += 8) {
    const unsigned left = std::min(prefix - bit, 8U);
    const auto mask = static_cast<unsigned char>(0xFF00U >> left);
    if (((static_cast<unsigned char>(address.bytes[bit / 8]) ^ static_cast<unsigned char>(other.bytes[bit / 8])) &
         mask) != 0)
      return false;
  }
  return true;
}

Result<NetworkAddress> ParseNetworkAddress(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return Bad(text);
  NetworkAddress address;
  address.address = TRY(ParseAddress(text.substr(0, slash)));
  address.prefix = static_cast<unsigned>(TRY(ParseUint(text.substr(slash + 1), address.address.bytes.size() * 8)));
  return address;
}

std::string ToString(const NetworkAddress& address) {
  return ToString(address.address) + "/" + std::to_string(address.prefix);
}

Result<Server> ParseServer(std::string_view text) {
  Server server;
  if (const std::size_t hash = text.find('#'); hash != std::string_view::npos) {
    server.port = static_cast<std::uint16_t>(TRY(ParseUint(text.substr(hash + 1), 65535)));
    text = text.substr(0, hash);
  }
  if (const std::size_t percent = text.find('%'); percent != std::string_view::npos) {
    server.interface = text.substr(percent + 1);
    text = text.substr(0, percent);
  }
  server.address = TRY(ParseAddress(text));
  return server;
}

std::string ToString(const Server& server) {
  std::string text = ToString(server.address);
  if (!server.interface.empty()) text += "%" + server.interface;
  if (server.port != kPort) text += "#" + std::to_string(server.port);
  return text;
}

}  // namespace estiba::dns
