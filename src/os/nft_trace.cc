#include "os/nft_trace.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <endian.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>

namespace estiba::os {
namespace {

constexpr std::size_t kLongest = 16384;
constexpr int kRoom = 4 << 20;  // bytes that wait for us to read them

constexpr std::uint16_t Type(int message) {
  return static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | message);
}

NftTraceKind KindOf(std::uint32_t number) {
  if (number == NFT_TRACETYPE_RULE) return NftTraceKind::kRule;
  return number == NFT_TRACETYPE_RETURN ? NftTraceKind::kReturn : NftTraceKind::kPolicy;
}

std::uint64_t Be64(std::string_view bytes) {
  std::uint64_t value = 0;
  if (bytes.size() == sizeof value) std::memcpy(&value, bytes.data(), sizeof value);
  return be64toh(value);
}

void ReadVerdict(std::string_view bytes, NftTrace& trace) {
  if (const auto code = NetlinkAttributes::Find(bytes, NFTA_VERDICT_CODE))
    trace.verdict = static_cast<std::int32_t>(code->Be32().value_or(0));
  if (const auto chain = NetlinkAttributes::Find(bytes, NFTA_VERDICT_CHAIN)) trace.target = chain->Text();
}

void ReadAttribute(const NetlinkAttribute& attribute, NftTrace& trace) {
  switch (attribute.type) {
    case NFTA_TRACE_TABLE: trace.table = attribute.Text(); break;
    case NFTA_TRACE_CHAIN: trace.chain = attribute.Text(); break;
    case NFTA_TRACE_RULE_HANDLE: trace.handle = Be64(attribute.bytes); break;
    case NFTA_TRACE_TYPE: trace.kind = KindOf(attribute.Be32().value_or(0)); break;
    case NFTA_TRACE_VERDICT: ReadVerdict(attribute.bytes, trace); break;
    case NFTA_TRACE_ID: trace.id = attribute.Be32().value_or(0); break;
    case NFTA_TRACE_LL_HEADER: trace.link = attribute.bytes; break;
    case NFTA_TRACE_NETWORK_HEADER: trace.network = attribute.bytes; break;
    case NFTA_TRACE_TRANSPORT_HEADER: trace.transport = attribute.bytes; break;
    case NFTA_TRACE_IIF: trace.in = attribute.Be32().value_or(0); break;
    case NFTA_TRACE_OIF: trace.out = attribute.Be32().value_or(0); break;
    case NFTA_TRACE_MARK: trace.mark = attribute.Be32().value_or(0); break;
    case NFTA_TRACE_POLICY: trace.verdict = static_cast<std::int32_t>(attribute.Be32().value_or(0)); break;
    default: break;
  }
}

}  // namespace

std::optional<NftTrace> ParseNftTrace(const NetlinkMessage& message) {
  const auto header = message.As<nfgenmsg>();
  if (message.type != Type(NFT_MSG_TRACE) || !header) return std::nullopt;
  NftTrace trace;
  trace.family = header->nfgen_family;
  NetlinkAttributes attributes(message.AttributesAfter(sizeof(nfgenmsg)));
  while (const auto attribute = attributes.Next()) ReadAttribute(*attribute, trace);
  if (attributes.malformed() || trace.table.empty() || trace.chain.empty()) return std::nullopt;
  return trace;
}

Result<UniqueFd> OpenNftTrace() {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER));
  if (const int err = errno; !fd.valid()) return Error::Errno(err, "open a socket for nf_tables traces");
  sockaddr_nl name{};
  name.nl_family = AF_NETLINK;
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&name), sizeof name) < 0)
    return Error::Errno(errno, "bind a socket for nf_tables traces");
  const int group = NFNLGRP_NFTRACE;
  if (::setsockopt(fd.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0)
    return Error::Errno(errno, "listen to nf_tables traces");
  // Without more room some may be lost where very many rules match.
  (void)::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kRoom, sizeof kRoom);
  return fd;
}

Result<std::vector<NftTrace>> ReceiveNftTrace(int socket) {
  std::vector<NftTrace> traces;
  std::array<char, kLongest> buffer;
  for (;;) {
    sockaddr_nl from{};
    socklen_t length = sizeof from;
    const ssize_t got =
        ::recvfrom(socket, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &length);
    if (const int err = errno; got < 0) {
      if (err == EAGAIN) return traces;
      if (err == EINTR || err == ENOBUFS) continue;
      return Error::Errno(err, "receive nf_tables traces");
    }
    if (from.nl_pid != 0) continue;  // not the kernel's: a container's root may send us some, too
    NetlinkMessages messages({buffer.data(), static_cast<std::size_t>(got)});
    while (const auto message = messages.Next())
      if (auto trace = ParseNftTrace(*message)) traces.push_back(std::move(*trace));
  }
}

Result<std::string> NftGetRule(NetlinkSocket& socket, std::uint8_t family, const std::string& table,
                               const std::string& chain, std::uint64_t handle) {
  NetlinkBatch request;
  request.Begin(Type(NFT_MSG_GETRULE), 0, nfgenmsg{family, NFNETLINK_V0, 0});
  request.PutString(NFTA_RULE_TABLE, table);
  request.PutString(NFTA_RULE_CHAIN, chain);
  request.PutBe64(NFTA_RULE_HANDLE, handle);
  std::vector<std::string> answers = TRY(socket.Ask(request, "read a rule of nft chain '" + chain + "'"));
  if (answers.empty()) return Error(Code::kNotFound, "no such rule in nft chain '" + chain + "'");
  return std::move(answers[0]);
}

}  // namespace estiba::os
