#include "dns/endpoint.h"

#include <algorithm>

#include "base/parse.h"
#include "base/text.h"
#include "dns/name.h"

namespace estiba::dns {
namespace {

constexpr std::string_view kFirstLine = "estiba-endpoint 1";
constexpr std::string_view kLastLine = "end";  // a file without it was cut

// A word that a line may hold: whatever it says, it stays one word of one line.
bool IsWord(std::string_view text) { return !text.empty() && text.find_first_of(" \t\r\n") == std::string_view::npos; }

void AppendLine(std::string& out, const std::vector<std::string>& words) { out += Join(words, " ") + '\n'; }

void AppendNames(std::string& out, const char* kind, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (IsName(name)) AppendLine(out, {kind, name});
  }
}

Error Broken(const std::string& line) {
  return Error(Code::kDataLoss, "read an endpoint: line '" + line + "'");
}

Status ReadNetwork(const std::vector<std::string>& words, Endpoint& endpoint) {
  Membership& network = endpoint.networks.emplace_back();
  network.id = words[1];
  network.name = words[2];
  network.address = TRY(ParseIpPrefix(words[3]));
  return Ok();
}

void ReadLink(const std::vector<std::string>& words, Endpoint& endpoint) {
  if (endpoint.networks.empty() || !IsName(words[1]) || !IsName(words[2])) return;
  endpoint.networks.back().links.push_back({words[1], words[2]});
}

Status ReadService(const std::vector<std::string>& words, Endpoint& endpoint) {
  Service& service = endpoint.services.emplace_back();
  service.label = words[1];
  service.protocol = words[2];
  service.port = static_cast<std::uint16_t>(TRY(ParseUint(words[3], 65535)));
  return Ok();
}

Status ReadServer(const std::vector<std::string>& words, Endpoint& endpoint) {
  endpoint.servers.push_back(TRY(ParseServer(words[1])));
  return Ok();
}

Status ReadLine(const std::string& line, Endpoint& endpoint) {
  const std::vector<std::string> words = Split(line, ' ');
  if (!std::ranges::all_of(words, IsWord)) return Broken(line);
  const std::string& kind = words[0];
  const auto has = [&](const char* wanted, std::size_t count) { return kind == wanted && words.size() >= count; };
  if (has("id", 2)) endpoint.id = words[1];
  else if (has("name", 2) && IsName(words[1])) endpoint.names.push_back(words[1]);
  else if (has("network", 4)) return ReadNetwork(words, endpoint);
  else if (has("alias", 2) && !endpoint.networks.empty() && IsName(words[1]))
    endpoint.networks.back().aliases.push_back(words[1]);
  else if (has("link", 3)) ReadLink(words, endpoint);
  else if (has("service", 4)) return ReadService(words, endpoint);
  else if (has("server", 2)) return ReadServer(words, endpoint);
  else if (kind == "internal") endpoint.internal = true;
  else if (kind == "keeps-single-labels") endpoint.keeps_single_labels = true;
  return Ok();
}

}  // namespace

std::string Encode(const Endpoint& endpoint) {
  std::string out;
  AppendLine(out, {std::string(kFirstLine)});
  if (IsWord(endpoint.id)) AppendLine(out, {"id", endpoint.id});
  AppendNames(out, "name", endpoint.names);
  for (const Membership& network : endpoint.networks) {
    if (!IsWord(network.id) || !IsWord(network.name)) continue;
    AppendLine(out, {"network", network.id, network.name, ToString(network.address)});
    AppendNames(out, "alias", network.aliases);
    for (const Link& link : network.links) {
      if (IsName(link.alias) && IsName(link.target)) AppendLine(out, {"link", link.alias, link.target});
    }
  }
  for (const Service& service : endpoint.services) {
    if (IsWord(service.label) && IsWord(service.protocol))
      AppendLine(out, {"service", service.label, service.protocol, std::to_string(service.port)});
  }
  for (const Server& server : endpoint.servers) AppendLine(out, {"server", ToString(server)});
  if (endpoint.internal) AppendLine(out, {"internal"});
  if (endpoint.keeps_single_labels) AppendLine(out, {"keeps-single-labels"});
  AppendLine(out, {std::string(kLastLine)});
  return out;
}

Result<Endpoint> DecodeEndpoint(std::string_view text) {
  if (text.size() > kMaxEndpoint) return Error(Code::kDataLoss, "read an endpoint: it is too long");
  Endpoint endpoint;
  bool first = true;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) break;
    const std::string line(text.substr(0, end));
    text.remove_prefix(end + 1);
    if (first && line != kFirstLine) return Broken(line);
    if (line == kLastLine) {
      if (endpoint.id.empty()) return Error(Code::kDataLoss, "read an endpoint: it has no id");
      return endpoint;
    }
    if (!first) TRY_CTX(ReadLine(line, endpoint), "read an endpoint");
    first = false;
  }
  return Error(Code::kDataLoss, "read an endpoint: it is cut");
}

}  // namespace estiba::dns
