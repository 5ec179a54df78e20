#pragma once
// The files a container gets over its own /etc/hosts and /etc/resolv.conf. Pure: text in, text out.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ip.h"

namespace estiba::net {

struct HostsInput {
  std::string hostname;
  std::string domainname;
  std::vector<Ip> addresses;                               // the container's, none for --network none
  std::vector<std::pair<std::string, std::string>> extra;  // --add-host NAME:IP in order, "host-gateway" resolved
};
std::string RenderHosts(const HostsInput& input);
// What stands behind each of the container's addresses: "web.example web".
std::string HostNames(const std::string& hostname, const std::string& domainname);
// `current` after RenderHosts gives `after` where it gave `before`: lines that are no more go, new ones come last, and
// whatever else somebody wrote there stays.
std::string ChangeHosts(std::string_view current, std::string_view before, std::string_view after);
// "name:ip" or "name=ip"; the address may be IPv6 (in brackets or not) or "host-gateway".
Result<std::pair<std::string, std::string>> ParseExtraHost(std::string_view text);

struct ResolvInput {
  std::string host_text;  // the host's resolv.conf (see PreferResolvedUpstream)
  std::vector<std::string> nameservers;  // --dns
  std::vector<std::string> search;       // --dns-search; {"."} for none
  std::vector<std::string> options;      // --dns-option
  bool own_namespace = true;  // false for --network host: loopback name servers are reachable and stay
  bool own_resolver = false;  // 127.0.0.11 answers, and asks the servers in the container's stead
};
// Docker's rules: what is given replaces the host's line of that kind; in its own network namespace loopback name
// servers are dropped, and when none is left 8.8.8.8 and 8.8.4.4 are used.
std::string RenderResolvConf(const ResolvInput& input);
// Whom 127.0.0.11 asks. It asks from the host's network: loopback name servers stay.
std::vector<std::string> ServersToAsk(const ResolvInput& input);
// "ndots" above 0 was asked for: 127.0.0.11 passes no name without a dot on.
bool KeepsSingleLabels(const ResolvInput& input);
// True when the only name server is systemd-resolved's stub (127.0.0.53): then /run/systemd/resolve/resolv.conf holds
// the real ones and should be passed as `host_text`.
bool PreferResolvedUpstream(std::string_view host_text);
// A valid address for --dns.
Status CheckNameserver(std::string_view address);

}  // namespace estiba::net
