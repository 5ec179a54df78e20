#pragma once
// Packets made by hand: sent as a program of the namespace would send them, or played in as if a link had received
// them.

#include <string_view>

#include "os/fd.h"

namespace estiba::os {

// raw(7): a socket of the current network namespace that sends whole IP packets.
Result<UniqueFd> OpenRawIp(bool v6);
// `packet` begins with its IP header, `destination` are the 4 or 16 bytes of its destination. The error keeps
// sendto(2)'s errno: EPERM when a rule on the way out drops it.
Status SendRawIp(int socket, std::string_view destination, std::string_view packet);

// The Ethernet frame comes in by the link of the current network namespace with that number, as if its driver had
// received it (bpf(2), BPF_PROG_TEST_RUN with BPF_F_TEST_XDP_LIVE_FRAMES, Linux 5.18); nothing goes over the link.
// kNotImplemented where the kernel cannot. Programs of XDP and rules of tc at the link do not see it.
Status PlayFrameIn(unsigned link, std::string_view frame);

}  // namespace estiba::os
