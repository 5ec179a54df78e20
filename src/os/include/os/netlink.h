#pragma once
// Netlink (netlink(7)): building messages, sending them in one batch with acknowledgements, and reading answers with
// every length checked. What the messages mean belongs to the caller.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "os/fd.h"

namespace estiba::os {

// A growing buffer of netlink messages. Numbers are in host order unless the name says otherwise.
class NetlinkBatch {
 public:
  // Starts a message: `header` is the family's fixed header (ifinfomsg, nfgenmsg, …). Returns its place in the batch,
  // which is also its sequence offset.
  std::size_t Begin(std::uint16_t type, std::uint16_t flags, std::string_view header);
  template <typename Header>
  std::size_t Begin(std::uint16_t type, std::uint16_t flags, const Header& header) {
    return Begin(type, flags, std::string_view(reinterpret_cast<const char*>(&header), sizeof header));
  }
  void Put(std::uint16_t attribute, std::string_view bytes);
  void PutU8(std::uint16_t attribute, std::uint8_t value);
  void PutU16(std::uint16_t attribute, std::uint16_t value);
  void PutU32(std::uint16_t attribute, std::uint32_t value);
  void PutBe32(std::uint16_t attribute, std::uint32_t value);
  void PutBe64(std::uint16_t attribute, std::uint64_t value);
  void PutString(std::uint16_t attribute, std::string_view text);  // with the ending NUL
  // A nested attribute: everything put until EndNest lies in it. `header` goes before the inner attributes.
  void BeginNest(std::uint16_t attribute, std::string_view header = {});
  void EndNest();

  // Sets NLM_F_ACK on the message begun last.
  void AskAcknowledgement();

  std::size_t count() const { return starts_.size(); }
  bool empty() const { return starts_.empty(); }

 private:
  friend class NetlinkSocket;
  void CloseMessage();
  std::string bytes_;
  std::vector<std::size_t> starts_;
  std::vector<std::size_t> nests_;
};

// One attribute of an answer.
struct NetlinkAttribute {
  std::uint16_t type = 0;  // without the NESTED and BYTEORDER flags
  std::string_view bytes;
  std::optional<std::uint8_t> U8() const;
  std::optional<std::uint32_t> U32() const;
  std::optional<std::uint32_t> Be32() const;
  // Up to the first NUL.
  std::string_view Text() const;
};
// Walks attributes; a length that does not fit ends the walk and is remembered.
class NetlinkAttributes {
 public:
  explicit NetlinkAttributes(std::string_view bytes) : rest_(bytes) {}
  std::optional<NetlinkAttribute> Next();
  bool malformed() const { return malformed_; }
  // The first attribute of that type in `bytes`.
  static std::optional<NetlinkAttribute> Find(std::string_view bytes, std::uint16_t type);

 private:
  std::string_view rest_;
  bool malformed_ = false;
};

struct NetlinkMessage {
  std::uint16_t type = 0;
  std::uint16_t flags = 0;
  std::uint32_t sequence = 0;
  std::string_view payload;  // after nlmsghdr
  // The fixed header, if the payload is long enough; attributes follow it at the next multiple of four.
  template <typename Header>
  std::optional<Header> As() const {
    Header header;
    if (payload.size() < sizeof header) return std::nullopt;
    __builtin_memcpy(&header, payload.data(), sizeof header);
    return header;
  }
  std::string_view AttributesAfter(std::size_t header) const;
};
// Walks the messages of one datagram.
class NetlinkMessages {
 public:
  explicit NetlinkMessages(std::string_view bytes) : rest_(bytes) {}
  std::optional<NetlinkMessage> Next();
  bool malformed() const { return malformed_; }

 private:
  std::string_view rest_;
  bool malformed_ = false;
};

// What the kernel answered to one message of a batch: 0 or an errno, and its own words if it gave any
// (NETLINK_EXT_ACK).
struct NetlinkAck {
  int errnum = 0;
  std::string text;
};

// One NLMSG_ERROR answer; nothing if it is not one or makes no sense (exposed for the fuzzer).
std::optional<NetlinkAck> ParseNetlinkAck(const NetlinkMessage& message);

class NetlinkSocket {
 public:
  // NETLINK_ROUTE, NETLINK_NETFILTER. The socket stays in the network namespace it was made in.
  static Result<NetlinkSocket> Open(int protocol);
  int fd() const { return fd_.get(); }

  // Sends the batch in one sendmsg(2) and collects the acknowledgement of each message that asks for one
  // (NLM_F_ACK). Result i belongs to message i; a message that asked for none has errnum 0 unless it failed.
  Result<std::vector<NetlinkAck>> Transact(NetlinkBatch& batch);
  // One message and its answers, each a whole message: the single answer of a get, or all parts of a dump
  // (NLM_F_DUMP). An error acknowledgement becomes the error, with `what` as its text. At most 64 MiB of answers.
  Result<std::vector<std::string>> Ask(NetlinkBatch& request, const std::string& what);

 private:
  explicit NetlinkSocket(UniqueFd fd) : fd_(std::move(fd)) {}
  Status Send(NetlinkBatch& batch);
  Result<std::string> Receive();
  struct Answers {
    std::vector<std::string> messages;
    std::size_t bytes = 0;
    bool complete = false;
    bool interrupted = false;
  };
  static Status Collect(std::string_view bytes, std::uint32_t sequence, const std::string& what,
                        Answers& answers);
  UniqueFd fd_;
  std::uint32_t sequence_ = 1;
};

}  // namespace estiba::os
