#include "net/files.h"

#include <algorithm>

#include <arpa/inet.h>

#include "base/parse.h"
#include "base/text.h"

namespace estiba::net {
namespace {

constexpr std::size_t kMaxLines = 4096;
constexpr std::string_view kResolverAddress = "127.0.0.11";

bool IsAddress(std::string_view text) {
  const std::string address(text.substr(0, text.find('%')));  // "fe80::1%eth0" names its interface
  unsigned char buffer[sizeof(in6_addr)];
  return ::inet_pton(AF_INET, address.c_str(), buffer) == 1 || ::inet_pton(AF_INET6, address.c_str(), buffer) == 1;
}

bool IsLoopback(std::string_view address) { return address.starts_with("127.") || address == "::1"; }

struct ResolvLine {
  std::string_view keyword;
  std::vector<std::string> values;
};

std::vector<std::string> Words(std::string_view text) {
  std::vector<std::string> words;
  std::size_t at = 0;
  while ((at = text.find_first_not_of(" \t\r", at)) != std::string_view::npos) {
    const std::size_t end = std::min(text.find_first_of(" \t\r", at), text.size());
    words.emplace_back(text.substr(at, end - at));
    at = end;
  }
  return words;
}

struct Resolv {
  std::vector<std::string> nameservers, search, options;
};

// resolv.conf(5): the last `search` or `domain` line wins, options add up, '#' and ';' start comments.
Resolv ParseResolv(std::string_view text) {
  Resolv resolv;
  std::size_t lines = 0;
  while (!text.empty() && ++lines <= kMaxLines) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    line = line.substr(0, line.find_first_of("#;"));
    std::vector<std::string> words = Words(line);
    if (words.size() < 2) continue;
    const std::string keyword = std::move(words.front());
    words.erase(words.begin());
    if (keyword == "nameserver" && IsAddress(words.front())) resolv.nameservers.push_back(words.front());
    if (keyword == "search" || keyword == "domain") resolv.search = std::move(words);
    else if (keyword == "options") resolv.options.insert(resolv.options.end(), words.begin(), words.end());
  }
  return resolv;
}

void AppendHost(std::string& out, std::string_view address, std::string_view names) {
  out.append(address).append("\t").append(names).append("\n");
}

}  // namespace

std::string HostNames(const std::string& hostname, const std::string& domainname) {
  return domainname.empty() ? hostname : hostname + '.' + domainname + ' ' + hostname;
}

std::string RenderHosts(const HostsInput& input) {
  std::string out;
  AppendHost(out, "127.0.0.1", "localhost");
  AppendHost(out, "::1", "localhost ip6-localhost ip6-loopback");
  AppendHost(out, "fe00::", "ip6-localnet");
  AppendHost(out, "ff00::", "ip6-mcastprefix");
  AppendHost(out, "ff02::1", "ip6-allnodes");
  AppendHost(out, "ff02::2", "ip6-allrouters");
  for (const auto& [name, address] : input.extra) AppendHost(out, address, name);
  if (input.hostname.empty()) return out;
  const std::string names = HostNames(input.hostname, input.domainname);
  for (const Ip& address : input.addresses) AppendHost(out, ToString(address), names);
  return out;
}

std::string ChangeHosts(std::string_view current, std::string_view before, std::string_view after) {
  const std::vector<std::string> old_lines = Split(before, '\n');
  const std::vector<std::string> new_lines = Split(after, '\n');
  const auto has = [](const std::vector<std::string>& lines, const std::string& line) {
    return std::ranges::find(lines, line) != lines.end();
  };
  std::vector<std::string> lines = Split(current, '\n');
  if (lines.back().empty()) lines.pop_back();  // what follows the last line's end is no line
  std::erase_if(lines, [&](const std::string& line) { return has(old_lines, line) && !has(new_lines, line); });
  for (const std::string& line : new_lines) {
    if (!has(old_lines, line)) lines.push_back(line);
  }
  std::string out;
  for (const std::string& line : lines) out.append(line).append("\n");
  return out;
}

Result<std::pair<std::string, std::string>> ParseExtraHost(std::string_view text) {
  std::size_t cut = text.find('=');
  if (cut == std::string_view::npos) cut = text.find(':');
  if (cut == std::string_view::npos || cut == 0 || cut + 1 == text.size())
    return Error(Code::kInvalidArgument, "bad format for add-host: \"" + std::string(text) + "\"");
  const std::string_view name = text.substr(0, cut);
  std::string_view address = text.substr(cut + 1);
  if (name.find_first_of(" \t\r\n#") != std::string_view::npos)
    return Error(Code::kInvalidArgument, "bad format for add-host: \"" + std::string(text) + "\"");
  if (address == "host-gateway") return std::pair(std::string(name), std::string(address));
  if (address.size() > 2 && address.front() == '[' && address.back() == ']')
    address = address.substr(1, address.size() - 2);
  if (!IsAddress(address))
    return Error(Code::kInvalidArgument, "invalid IP address in add-host: \"" + std::string(address) + "\"");
  return std::pair(std::string(name), std::string(address));
}

bool PreferResolvedUpstream(std::string_view host_text) {
  const Resolv resolv = ParseResolv(host_text);
  return resolv.nameservers == std::vector<std::string>{"127.0.0.53"};
}

Status CheckNameserver(std::string_view address) {
  if (!IsAddress(address))
    return Error(Code::kInvalidArgument, "invalid IP address: " + std::string(address));
  return Ok();
}

namespace {

constexpr std::string_view kDots = "ndots:";

// The host's settings with the container's in their place.
Resolv Settle(const ResolvInput& input) {
  Resolv resolv = ParseResolv(input.host_text);
  if (!input.nameservers.empty()) resolv.nameservers = input.nameservers;
  else if (input.own_namespace) {
    if (!input.own_resolver)
      std::erase_if(resolv.nameservers, [](const std::string& address) { return IsLoopback(address); });
    if (resolv.nameservers.empty()) resolv.nameservers = {"8.8.8.8", "8.8.4.4"};
  }
  if (!input.search.empty()) resolv.search = input.search;
  if (resolv.search == std::vector<std::string>{"."}) resolv.search.clear();
  if (!input.options.empty()) resolv.options = input.options;
  return resolv;
}

bool IsDots(const std::string& option) { return option.starts_with(kDots); }

}  // namespace

std::vector<std::string> ServersToAsk(const ResolvInput& input) { return Settle(input).nameservers; }

bool KeepsSingleLabels(const ResolvInput& input) {
  const Resolv resolv = Settle(input);
  const auto dots = std::ranges::find_if(resolv.options, IsDots);
  if (dots == resolv.options.end()) return false;
  const auto number = ParseUint(std::string_view(*dots).substr(kDots.size()));
  return number.ok() && *number > 0;
}

std::string RenderResolvConf(const ResolvInput& input) {
  Resolv resolv = Settle(input);
  std::string out = "# Generated by Estiba from the host's resolv.conf and the container's settings.\n\n";
  if (input.own_resolver) {
    out += "# ExtServers: [" + Join(resolv.nameservers, " ") + "]\n";  // docker's word for whom it asks
    resolv.nameservers = {std::string(kResolverAddress)};
    // A container's name has no dot, and is to be asked for as it is first.
    if (std::ranges::none_of(resolv.options, IsDots)) resolv.options.push_back("ndots:0");
  }
  for (const std::string& address : resolv.nameservers) out += "nameserver " + address + '\n';
  if (!resolv.search.empty()) out += "search " + Join(resolv.search, " ") + '\n';
  if (!resolv.options.empty()) out += "options " + Join(resolv.options, " ") + '\n';
  return out;
}

}  // namespace estiba::net
