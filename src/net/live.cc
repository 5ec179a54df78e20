// What is altered in the network namespace of a container that runs.

#include <optional>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "link.h"
#include "net/setup.h"
#include "os/netns.h"

namespace estiba::net {

Status ReplaceDefaultRoute(int netns, const std::string& name, const Ip& gateway) {
  const std::string what = "lead the default route over '" + name + "' to " + ToString(gateway);
  std::optional<os::NetlinkSocket> socket;
  const auto open = [&]() -> Status {
    socket = TRY(os::NetlinkSocket::Open(NETLINK_ROUTE));
    return Ok();
  };
  TRY_CTX(os::InNetworkNamespace(netns, open), what);
  const auto link = TRY_CTX(FindLink(*socket, name), what);
  if (!link) return Error(Code::kNotFound, what + ": no such link in the namespace");
  os::NetlinkBatch batch;
  rtmsg header{};
  header.rtm_family = gateway.v6 ? AF_INET6 : AF_INET;
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_protocol = RTPROT_BOOT;
  // Without a gateway everything is sent to the device itself.
  header.rtm_scope = gateway.IsAny() && !gateway.v6 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  header.rtm_type = RTN_UNICAST;
  batch.Begin(RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, header);
  if (!gateway.IsAny()) batch.Put(RTA_GATEWAY, gateway.Bytes());
  batch.PutU32(RTA_OIF, static_cast<std::uint32_t>(link->index));
  return Transact(*socket, batch, what);
}

}  // namespace estiba::net
