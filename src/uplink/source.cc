#include "source.h"

#include "base/ip.h"
#include "net/user_network.h"

namespace estiba::uplink {
namespace {

// Answers would go to the neighbour of that address.
bool IsNeighbour(const os::InetPeer& client, const os::InetPeer& target) {
  const auto gateway = os::SourceFor(target);
  const auto ours = os::SourceFor(client);
  return gateway.ok() && ours.ok() && *gateway == *ours;
}

bool MayBeUsed(const os::InetPeer& client, const os::InetPeer& target) {
  if (client.address.size() != target.address.size()) return false;
  const auto address = Ip::FromBytes(client.address);
  if (!address.ok() || address->IsAny() || address->IsLoopback() || address->IsLinkLocal()) return false;
  return !IsNeighbour(client, target);
}

}  // namespace

Result<os::UniqueFd> ConnectFor(int type, const os::InetPeer& client, const os::InetPeer& target) {
  if (MayBeUsed(client, target)) return os::ConnectAs(type, client, target, net::kRelayMark);
  return os::ConnectInet(type, target);
}

}  // namespace estiba::uplink
