#include "after.h"

#include <algorithm>

#include <fcntl.h>

#include "dns/endpoint.h"
#include "os/file.h"

namespace estiba::cni {
namespace {

// In place: the file is mounted in the container.
Status WriteHosts(const HostsFile& hosts, const Record& added) {
  if (hosts.path.empty()) return Ok();
  std::string text = hosts.text;
  for (const Attachment& attachment : added.attachments) {
    for (const Address& address : AddressesInside(*attachment.result, attachment.invocation.ifname))
      text += ToString(address.address.address) + "\t" + hosts.names + "\n";
  }
  const os::UniqueFd file = TRY(os::OpenAt({AT_FDCWD}, hosts.path, O_WRONLY | O_TRUNC | O_NOFOLLOW));
  return os::WriteAll(file.get(), text);
}

void FillServers(const Record& added, dns::Endpoint& names) {
  std::vector<dns::Server> servers;
  for (const Attachment& attachment : added.attachments) {
    if (!attachment.result) continue;
    for (const std::string& text : attachment.result->dns.nameservers) {
      const auto server = dns::ParseServer(text);
      if (server.ok()) servers.push_back(*server);
    }
  }
  if (!servers.empty()) names.servers = std::move(servers);
}

// One for each address; who has none cannot be asked for.
void FillAddresses(const Attachment& attachment, dns::Endpoint& names) {
  const auto same = [&](const dns::Membership& network) { return network.name == attachment.list.name; };
  const auto first = std::ranges::find_if(names.networks, same);
  if (first == names.networks.end()) return;
  const dns::Membership known = *first;
  const auto at = first - names.networks.begin();
  std::erase_if(names.networks, same);
  std::vector<dns::Membership> filled;
  for (const Address& address : AddressesInside(*attachment.result, attachment.invocation.ifname)) {
    filled.push_back(known);
    filled.back().address = address.address;
  }
  names.networks.insert(names.networks.begin() + at, filled.begin(), filled.end());
}

}  // namespace

void FillNames(const Record& added, bool ask_theirs, dns::Endpoint& names) {
  for (const Attachment& attachment : added.attachments) {
    if (attachment.result) FillAddresses(attachment, names);
  }
  if (ask_theirs) FillServers(added, names);
}

Status WriteNames(const AttachRequest& request, const Record& added) {
  TRY(WriteHosts(request.hosts, added));
  if (request.names.path.empty()) return Ok();
  dns::Endpoint names = TRY(dns::DecodeEndpoint(request.names.text));
  FillNames(added, request.names.ask_theirs, names);
  const std::size_t slash = request.names.path.rfind('/');
  const os::UniqueFd folder =
      TRY(os::OpenAt({AT_FDCWD}, request.names.path.substr(0, slash), O_RDONLY | O_DIRECTORY));
  return os::ReplaceFile({folder.get()}, request.names.path.substr(slash + 1), dns::Encode(names), 0600);
}

}  // namespace estiba::cni
