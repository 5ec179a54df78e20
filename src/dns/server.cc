#include "dns/server.h"

#include "base/parse.h"

namespace estiba::dns {
namespace {

constexpr std::uint16_t kPort = 53;

}  // namespace

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
  server.address = TRY(ParseIp(text));
  return server;
}

std::string ToString(const Server& server) {
  std::string text = ToString(server.address);
  if (!server.interface.empty()) text += "%" + server.interface;
  if (server.port != kPort) text += "#" + std::to_string(server.port);
  return text;
}

}  // namespace estiba::dns
