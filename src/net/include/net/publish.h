#pragma once
// Published ports in the kernel: elements of the table's maps, and the bound sockets that reserve host ports.

#include <cstdint>
#include <vector>

#include "net/ports.h"
#include "os/fd.h"

namespace estiba::net {

// All in one transaction. Who calls holds the reservation sockets, so an element left by a dead predecessor on the
// same host port is replaced.
Status AddPublished(const std::vector<PublishedPort>& ports);
// Takes back exactly these mappings: what is gone, or now leads to another container, is left alone.
Status DeletePublished(const std::vector<PublishedPort>& ports);
// What the maps hold now.
Result<std::vector<PublishedPort>> ListPublished();

// What holds a port of the host's.
enum class Hold {
  kReserve,  // a bound socket that nobody listens on: the kernel leads the port elsewhere
  kRelay,    // one that takes connections and datagrams, which are passed on (estiba-uplink); not of SCTP
};
// A port of ::1 can be had.
bool HostHasIpv6();
// No process of the host can take the port while the socket is open. kConflict with PortTaken's text when somebody has
// it; an address the host does not have is EADDRNOTAVAIL.
Result<os::UniqueFd> HoldPort(Hold hold, Protocol protocol, const Ip& host_ip, std::uint16_t port);

struct Reservation {
  PublishedPort port;
  os::UniqueFd socket;
};
// Reserves the first free port of `range` (0-0: of the host's ephemeral range, after `start`), or fails as
// HoldPort does when there is none. `wanted.host_port` is ignored.
Result<Reservation> ReserveOneOf(Hold hold, const PublishedPort& wanted, HostPortRange range,
                                 std::uint16_t start = 0);

}  // namespace estiba::net
