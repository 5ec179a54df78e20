#pragma once
// The network namespace that the containers of an ordinary user share: what the host's own is to root's containers.

#include <cstdint>

#include "base/result.h"

namespace estiba::net {

// Makes a new one and enters it: lo up, packets forwarded, and answers to relayed connections (below) led to their
// sockets. The process must have one thread.
Status EnterNewUserNetwork();

// In it: what of its own rules somebody took is there again.
Status EnsureRelayRules();

// SO_MARK of sockets that are bound to a client's address (IP_TRANSPARENT): what answers them is taken for them here
// and forwarded to nobody.
inline constexpr std::uint32_t kRelayMark = 0x65737401;

// What the way out is called inside (pasta, slirp4netns).
inline constexpr char kWayOutLink[] = "outside";

}  // namespace estiba::net
