#include "os/packet.h"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>

#include <linux/bpf.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace estiba::os {
namespace {

int Bpf(bpf_cmd command, bpf_attr& attributes) {
  return static_cast<int>(::syscall(SYS_bpf, command, &attributes, sizeof attributes));
}

// "return XDP_PASS": what is played in goes on to the network stack.
Result<UniqueFd> LoadPassAll() {
  bpf_insn instructions[2] = {};
  instructions[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
  instructions[0].imm = XDP_PASS;
  instructions[1].code = BPF_JMP | BPF_EXIT;
  bpf_attr attributes{};
  attributes.prog_type = BPF_PROG_TYPE_XDP;
  attributes.insns = reinterpret_cast<std::uint64_t>(instructions);
  attributes.insn_cnt = 2;
  attributes.license = reinterpret_cast<std::uint64_t>("Apache");
  const int fd = Bpf(BPF_PROG_LOAD, attributes);
  if (const int err = errno; fd < 0) {
    if (err == EINVAL || err == ENOSYS) return Error(Code::kNotImplemented, "this kernel has no XDP programs");
    return Error::Errno(err, "load an XDP program");
  }
  return UniqueFd(fd);
}

}  // namespace

Result<UniqueFd> OpenRawIp(bool v6) {
  UniqueFd fd(::socket(v6 ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
  if (const int err = errno; !fd.valid()) return Error::Errno(err, "open a raw socket");
  const int on = 1;
  if (v6 && ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_HDRINCL, &on, sizeof on) < 0)
    return Error::Errno(errno, "send whole IPv6 packets");
  return fd;
}

Status SendRawIp(int socket, std::string_view destination, std::string_view packet) {
  sockaddr_storage name{};
  socklen_t size = sizeof(sockaddr_in);
  if (destination.size() == sizeof(in6_addr)) {
    auto& to = reinterpret_cast<sockaddr_in6&>(name);
    to.sin6_family = AF_INET6;
    std::memcpy(&to.sin6_addr, destination.data(), sizeof to.sin6_addr);
    size = sizeof to;
  } else if (destination.size() == sizeof(in_addr)) {
    auto& to = reinterpret_cast<sockaddr_in&>(name);
    to.sin_family = AF_INET;
    std::memcpy(&to.sin_addr, destination.data(), sizeof to.sin_addr);
  } else {
    return Error(Code::kInvalidArgument, "send a packet: an address has 4 or 16 bytes");
  }
  const ssize_t sent = ::sendto(socket, packet.data(), packet.size(), 0, reinterpret_cast<sockaddr*>(&name), size);
  if (const int err = errno; sent < 0) return Error::Errno(err, "send a packet");
  return Ok();
}

Status PlayFrameIn(unsigned link, std::string_view frame) {
  const UniqueFd program = TRY(LoadPassAll());
  xdp_md context{};
  context.data_end = static_cast<std::uint32_t>(frame.size());
  context.ingress_ifindex = link;
  bpf_attr attributes{};
  attributes.test.prog_fd = static_cast<std::uint32_t>(program.get());
  attributes.test.data_in = reinterpret_cast<std::uint64_t>(frame.data());
  attributes.test.data_size_in = static_cast<std::uint32_t>(frame.size());
  attributes.test.ctx_in = reinterpret_cast<std::uint64_t>(&context);
  attributes.test.ctx_size_in = sizeof context;
  attributes.test.repeat = 1;
  attributes.test.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
  attributes.test.batch_size = 1;
  const int rc = Bpf(BPF_PROG_TEST_RUN, attributes);
  if (const int err = errno; rc < 0) {
    // EINVAL: the flag is unknown, the kernel is older than 5.18.
    if (err == EINVAL) return Error(Code::kNotImplemented, "this kernel cannot play a packet in (Linux 5.18 can)");
    return Error::Errno(err, "play a packet in");
  }
  return Ok();
}

}  // namespace estiba::os
