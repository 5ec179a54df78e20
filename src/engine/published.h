#pragma once
// Ports that are published already, and what is asked for. Pure.

#include <string>
#include <vector>

#include "apitypes/container.h"
#include "base/ip.h"
#include "base/result.h"
#include "net/ports.h"

namespace estiba::engine {

// What of `held` each request has got, in the order of the requests; a port belongs to one request.
std::vector<std::vector<net::PublishedPort>> SharePublished(const std::vector<net::PublishRequest>& requests,
                                                            std::vector<net::PublishedPort> held);

// The same ports of the container's addresses as they are now; those of a family that it has no more are left out.
std::vector<net::PublishedPort> LeadTo(const std::vector<net::PublishedPort>& ports,
                                       const std::vector<IpPrefix>& addresses);

// `create` publishes what `texts` say, too ("[ip:][host:]container[/proto]"); the new requests. kConflict for what it
// publishes already.
Result<std::vector<net::PublishRequest>> AddBindings(const std::vector<std::string>& texts,
                                                     apitypes::ContainerCreate& create);

// `create` does not publish it any more; what of `held` goes with it. A host port or address that `texts` leave out
// stands for every one. kNotFound when there is no such port.
Result<std::vector<net::PublishedPort>> RemoveBindings(const std::vector<std::string>& texts,
                                                       const std::vector<net::PublishedPort>& held,
                                                       apitypes::ContainerCreate& create);

}  // namespace estiba::engine
