#include "os/netlink.h"

#include <cassert>
#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <endian.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace estiba::os {
namespace {

constexpr std::size_t kReceiveBytes = 64 * 1024;      // the kernel's dumps come in pieces of at most 32 KiB
constexpr std::size_t kMaxAnswerBytes = 64U << 20;
constexpr std::size_t kDefaultSendBytes = 128 * 1024;
constexpr unsigned kMaxDumpTries = 4;

constexpr std::size_t Align(std::size_t length) { return (length + 3) & ~std::size_t{3}; }

template <typename T>
std::string_view AsBytes(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

template <typename T>
std::optional<T> Number(std::string_view bytes) {
  if (bytes.size() != sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

}  // namespace

std::size_t NetlinkBatch::Begin(std::uint16_t type, std::uint16_t flags, std::string_view header) {
  CloseMessage();
  starts_.push_back(bytes_.size());
  nlmsghdr message{};
  message.nlmsg_type = type;
  message.nlmsg_flags = static_cast<std::uint16_t>(flags | NLM_F_REQUEST);
  bytes_.append(AsBytes(message)).append(header);
  bytes_.resize(Align(bytes_.size()));
  return starts_.size() - 1;
}

void NetlinkBatch::AskAcknowledgement() {
  assert(!starts_.empty());
  char* at = bytes_.data() + starts_.back() + offsetof(nlmsghdr, nlmsg_flags);
  std::uint16_t flags;
  std::memcpy(&flags, at, sizeof flags);
  flags |= NLM_F_ACK;
  std::memcpy(at, &flags, sizeof flags);
}

void NetlinkBatch::CloseMessage() {
  assert(nests_.empty());
  if (starts_.empty()) return;
  const auto length = static_cast<std::uint32_t>(bytes_.size() - starts_.back());
  std::memcpy(bytes_.data() + starts_.back() + offsetof(nlmsghdr, nlmsg_len), &length, sizeof length);
}

void NetlinkBatch::Put(std::uint16_t attribute, std::string_view bytes) {
  const nlattr head{static_cast<std::uint16_t>(sizeof(nlattr) + bytes.size()), attribute};
  assert(bytes.size() <= UINT16_MAX - sizeof(nlattr));
  bytes_.append(AsBytes(head)).append(bytes);
  bytes_.resize(Align(bytes_.size()));
}

void NetlinkBatch::PutU8(std::uint16_t attribute, std::uint8_t value) { Put(attribute, AsBytes(value)); }
void NetlinkBatch::PutU16(std::uint16_t attribute, std::uint16_t value) { Put(attribute, AsBytes(value)); }
void NetlinkBatch::PutU32(std::uint16_t attribute, std::uint32_t value) { Put(attribute, AsBytes(value)); }

void NetlinkBatch::PutBe32(std::uint16_t attribute, std::uint32_t value) {
  const std::uint32_t big = htobe32(value);
  Put(attribute, AsBytes(big));
}

void NetlinkBatch::PutBe64(std::uint16_t attribute, std::uint64_t value) {
  const std::uint64_t big = htobe64(value);
  Put(attribute, AsBytes(big));
}

void NetlinkBatch::PutString(std::uint16_t attribute, std::string_view text) {
  std::string bytes(text);
  bytes.push_back('\0');
  Put(attribute, bytes);
}

void NetlinkBatch::BeginNest(std::uint16_t attribute, std::string_view header) {
  nests_.push_back(bytes_.size());
  const nlattr head{0, static_cast<std::uint16_t>(attribute | NLA_F_NESTED)};
  bytes_.append(AsBytes(head)).append(header);
  bytes_.resize(Align(bytes_.size()));
}

void NetlinkBatch::EndNest() {
  assert(!nests_.empty());
  const std::size_t length = bytes_.size() - nests_.back();
  assert(length <= UINT16_MAX);
  const auto value = static_cast<std::uint16_t>(length);
  std::memcpy(bytes_.data() + nests_.back() + offsetof(nlattr, nla_len), &value, sizeof value);
  nests_.pop_back();
}

std::optional<std::uint8_t> NetlinkAttribute::U8() const { return Number<std::uint8_t>(bytes); }
std::optional<std::uint32_t> NetlinkAttribute::U32() const { return Number<std::uint32_t>(bytes); }

std::optional<std::uint32_t> NetlinkAttribute::Be32() const {
  const auto big = Number<std::uint32_t>(bytes);
  if (!big) return std::nullopt;
  return be32toh(*big);
}

std::string_view NetlinkAttribute::Text() const { return bytes.substr(0, bytes.find('\0')); }

std::optional<NetlinkAttribute> NetlinkAttributes::Next() {
  if (rest_.empty()) return std::nullopt;
  nlattr head;
  if (rest_.size() >= sizeof head) std::memcpy(&head, rest_.data(), sizeof head);
  if (rest_.size() < sizeof head || head.nla_len < sizeof head || head.nla_len > rest_.size()) {
    malformed_ = true;
    rest_ = {};
    return std::nullopt;
  }
  NetlinkAttribute attribute;
  attribute.type = static_cast<std::uint16_t>(head.nla_type & NLA_TYPE_MASK);
  attribute.bytes = rest_.substr(sizeof head, head.nla_len - sizeof head);
  rest_.remove_prefix(std::min(Align(head.nla_len), rest_.size()));
  return attribute;
}

std::optional<NetlinkAttribute> NetlinkAttributes::Find(std::string_view bytes, std::uint16_t type) {
  NetlinkAttributes attributes(bytes);
  while (const auto attribute = attributes.Next())
    if (attribute->type == type) return attribute;
  return std::nullopt;
}

std::string_view NetlinkMessage::AttributesAfter(std::size_t header) const {
  return payload.size() <= Align(header) ? std::string_view() : payload.substr(Align(header));
}

std::optional<NetlinkMessage> NetlinkMessages::Next() {
  if (rest_.empty()) return std::nullopt;
  nlmsghdr head;
  if (rest_.size() >= sizeof head) std::memcpy(&head, rest_.data(), sizeof head);
  if (rest_.size() < sizeof head || head.nlmsg_len < sizeof head || head.nlmsg_len > rest_.size()) {
    malformed_ = true;
    rest_ = {};
    return std::nullopt;
  }
  NetlinkMessage message;
  message.type = head.nlmsg_type;
  message.flags = head.nlmsg_flags;
  message.sequence = head.nlmsg_seq;
  message.payload = rest_.substr(sizeof head, head.nlmsg_len - sizeof head);
  rest_.remove_prefix(std::min(Align(head.nlmsg_len), rest_.size()));
  return message;
}

std::optional<NetlinkAck> ParseNetlinkAck(const NetlinkMessage& message) {
  const auto error = message.As<nlmsgerr>();
  if (message.type != NLMSG_ERROR || !error || error->error > 0 || error->error < -4095) return std::nullopt;
  NetlinkAck ack;
  ack.errnum = -error->error;
  if ((message.flags & NLM_F_ACK_TLVS) == 0) return ack;
  std::size_t head = sizeof(nlmsgerr);
  // The request's payload comes back in front of the attributes unless the acknowledgement is capped.
  if ((message.flags & NLM_F_CAPPED) == 0 && error->msg.nlmsg_len > sizeof(nlmsghdr))
    head += error->msg.nlmsg_len - sizeof(nlmsghdr);
  if (const auto text = NetlinkAttributes::Find(message.AttributesAfter(head), NLMSGERR_ATTR_MSG))
    ack.text = std::string(text->Text());
  return ack;
}

Result<NetlinkSocket> NetlinkSocket::Open(int protocol) {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
  if (const int err = errno; !fd.valid()) return Error::Errno(err, "open netlink socket");
  // Without these the acknowledgement still comes: only without words, and longer.
  const int on = 1;
  (void)::setsockopt(fd.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  (void)::setsockopt(fd.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  // The kernel answers before sendmsg returns; the deadline is there so that a lost answer cannot hang us.
  const timeval deadline{10, 0};
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline) < 0)
    return Error::Errno(errno, "set a deadline on the netlink socket");
  return NetlinkSocket(std::move(fd));
}

Status NetlinkSocket::Send(NetlinkBatch& batch) {
  batch.CloseMessage();
  for (const std::size_t start : batch.starts_) {
    std::memcpy(batch.bytes_.data() + start + offsetof(nlmsghdr, nlmsg_seq), &sequence_, sizeof sequence_);
    ++sequence_;
  }
  if (batch.bytes_.size() > kDefaultSendBytes) {
    const int wanted = static_cast<int>(batch.bytes_.size() * 2);
    if (::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDBUFFORCE, &wanted, sizeof wanted) < 0)
      return Error::Errno(errno, "make room for " + std::to_string(batch.bytes_.size()) + " bytes of netlink messages");
  }
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  ssize_t sent = -1;
  do {
    sent = ::sendto(fd_.get(), batch.bytes_.data(), batch.bytes_.size(), 0, reinterpret_cast<sockaddr*>(&kernel),
                    sizeof kernel);
  } while (sent < 0 && errno == EINTR);
  if (const int err = errno; sent < 0) return Error::Errno(err, "send netlink messages");
  return Ok();
}

Result<std::string> NetlinkSocket::Receive() {
  std::string bytes;
  // Not zeroed: most answers are short.
  bytes.resize_and_overwrite(kReceiveBytes, [](char*, std::size_t size) { return size; });
  ssize_t got = -1;
  sockaddr_nl from{};
  do {
    socklen_t length = sizeof from;
    got = ::recvfrom(fd_.get(), bytes.data(), bytes.size(), MSG_TRUNC, reinterpret_cast<sockaddr*>(&from), &length);
    // Whoever administers the namespace, a container's root perhaps, can send us some, too: only the kernel's count.
  } while ((got < 0 && errno == EINTR) || (got >= 0 && from.nl_pid != 0));
  if (const int err = errno; got < 0) return Error::Errno(err, "receive netlink answer");
  if (static_cast<std::size_t>(got) > bytes.size())
    return Error(Code::kOutOfRange, "netlink answer of " + std::to_string(got) + " bytes is too long");
  bytes.resize(static_cast<std::size_t>(got));
  return bytes;
}

Result<std::vector<NetlinkAck>> NetlinkSocket::Transact(NetlinkBatch& batch) {
  std::vector<NetlinkAck> acks(batch.count());
  if (batch.empty()) return acks;
  const std::uint32_t first = sequence_;
  TRY(Send(batch));
  const auto asked = [&](std::size_t i) {
    std::uint16_t flags;
    std::memcpy(&flags, batch.bytes_.data() + batch.starts_[i] + offsetof(nlmsghdr, nlmsg_flags), sizeof flags);
    return (flags & NLM_F_ACK) != 0;
  };
  std::size_t waiting = 0;
  for (std::size_t i = 0; i < acks.size(); ++i) waiting += asked(i) ? 1 : 0;
  while (waiting > 0) {
    const std::string bytes = TRY(Receive());
    NetlinkMessages messages(bytes);
    while (const auto message = messages.Next()) {
      const std::uint32_t index = message->sequence - first;
      if (index >= acks.size()) continue;
      auto ack = ParseNetlinkAck(*message);
      if (!ack) continue;
      if (asked(index)) --waiting;
      // The head of an nf_tables batch was refused: nothing after it was looked at.
      else if (index == 0 && ack->errnum != 0) waiting = 0;
      acks[index] = std::move(*ack);
      if (waiting == 0) return acks;
    }
    if (messages.malformed()) return Error(Code::kDataLoss, "malformed netlink answer");
  }
  return acks;
}

Result<std::vector<std::string>> NetlinkSocket::Ask(NetlinkBatch& request, const std::string& what) {
  assert(request.count() == 1);
  for (unsigned tries = 1;; ++tries) {
    const std::uint32_t sequence = sequence_;
    TRY_CTX(Send(request), what);
    Answers answers;
    while (!answers.complete) {
      const std::string bytes = TRY_CTX(Receive(), what);
      TRY(Collect(bytes, sequence, what, answers));
    }
    // A dump that the kernel says changed under way is asked for again; the last one is taken as it is.
    if (!answers.interrupted || tries == kMaxDumpTries) return std::move(answers.messages);
  }
}

Status NetlinkSocket::Collect(std::string_view bytes, std::uint32_t sequence, const std::string& what,
                              Answers& answers) {
  const char* end = bytes.data();
  NetlinkMessages messages(bytes);
  while (const auto message = messages.Next()) {
    const char* start = end;
    end = start + Align(sizeof(nlmsghdr) + message->payload.size());
    if (message->sequence != sequence) continue;
    if ((message->flags & NLM_F_DUMP_INTR) != 0) answers.interrupted = true;
    if (message->type == NLMSG_ERROR || message->type == NLMSG_DONE) {
      answers.complete = true;
      auto ack = ParseNetlinkAck(*message);
      // The end of a dump carries its error, too.
      if (const auto error = message->As<std::int32_t>(); !ack && error && *error < 0) ack = NetlinkAck{-*error, {}};
      if (ack && ack->errnum != 0)
        return Error::Errno(ack->errnum, ack->text.empty() ? what : what + ": " + ack->text);
      return Ok();
    }
    answers.messages.emplace_back(start, sizeof(nlmsghdr) + message->payload.size());
    answers.bytes += message->payload.size();
    if (answers.bytes > kMaxAnswerBytes) return Error(Code::kOutOfRange, what + ": too many netlink answers");
    if ((message->flags & NLM_F_MULTI) == 0) answers.complete = true;
  }
  if (messages.malformed()) return Error(Code::kDataLoss, what + ": malformed netlink answer");
  return Ok();
}

}  // namespace estiba::os
