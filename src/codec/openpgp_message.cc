// The grammar of a signed message, so that librnp sees a payload and one signature packet and nothing else: what a
// message may not be need not be asked of it.

#include <array>
#include <cstdint>
#include <memory>

#include <isa-l/igzip_lib.h>

#include "codec/openpgp.h"
#include "codec/stream.h"

namespace estiba::codec {
namespace {

constexpr std::size_t kMaxBytes = 1U << 20;

// RFC 4880, section 4.3.
constexpr unsigned kSignature = 2;
constexpr unsigned kOnePass = 4;
constexpr unsigned kCompressed = 8;
constexpr unsigned kLiteral = 11;

Error Bad(const std::string& why) { return Error(Code::kInvalidArgument, "it is no OpenPGP signed message: " + why); }

unsigned Byte(std::string_view bytes, std::size_t at) { return static_cast<unsigned char>(bytes[at]); }

struct Packet {
  std::size_t tag = 0;
  std::string body;
  std::string_view whole;  // with its header
};

// Reads packets one after the other.
class Packets {
 public:
  explicit Packets(std::string_view bytes) : all_(bytes), rest_(bytes) {}
  bool AtEnd() const { return rest_.empty(); }

  Result<Packet> Next() {
    const std::size_t start = all_.size() - rest_.size();
    const std::size_t head = TRY(Number(1));
    if ((head & 0x80) == 0) return Bad("a packet does not begin as one");
    Packet out;
    const bool is_new = (head & 0x40) != 0;
    out.tag = is_new ? head & 0x3F : (head >> 2) & 0x0F;
    TRY(is_new ? NewBody(out) : OldBody(head & 3, out));
    out.whole = all_.substr(start, all_.size() - rest_.size() - start);
    return out;
  }

 private:
  Result<std::size_t> Number(std::size_t bytes) {
    if (rest_.size() < bytes) return Bad("it is cut short");
    std::size_t out = 0;
    for (std::size_t i = 0; i < bytes; ++i) out = out << 8 | Byte(rest_, i);
    rest_.remove_prefix(bytes);
    return out;
  }

  Status Take(std::size_t bytes, Packet& out) {
    if (rest_.size() < bytes) return Bad("it is cut short");
    out.body += rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return Ok();
  }

  // Section 4.2.1. The last kind ends with what is around it, which only data can.
  Status OldBody(std::size_t kind, Packet& out) {
    constexpr std::size_t kToTheEnd = 3;
    std::size_t length = rest_.size();
    if (kind != kToTheEnd) length = TRY(Number(std::size_t{1} << kind));
    if (kind == kToTheEnd && !IsData(out.tag)) return Bad("a packet has no length");
    return Take(length, out);
  }

  // Section 4.2.2; data may come in parts.
  Status NewBody(Packet& out) {
    while (true) {
      std::size_t length = TRY(Number(1));
      const bool is_part = length >= 224 && length < 255;
      if (length == 255) {
        length = TRY(Number(4));
      } else if (is_part) {
        length = std::size_t{1} << (length & 0x1F);
      } else if (length >= 192) {
        const std::size_t low = TRY(Number(1));
        length = ((length - 192) << 8) + low + 192;
      }
      if (is_part && !IsData(out.tag)) return Bad("a packet in parts has no data");
      TRY(Take(length, out));
      if (!is_part) return Ok();
    }
  }

  static bool IsData(std::size_t tag) { return tag == kCompressed || tag == kLiteral; }

  std::string_view all_;
  std::string_view rest_;
};

// The whole of `packed` is one stream, and what comes out is bounded.
Result<std::string> Inflate(std::string_view packed, std::uint32_t wrapper) {
  const auto state = std::make_unique<inflate_state>();
  ::isal_inflate_init(state.get());
  state->crc_flag = wrapper;
  state->next_in = reinterpret_cast<std::uint8_t*>(const_cast<char*>(packed.data()));
  state->avail_in = static_cast<std::uint32_t>(packed.size());
  std::string out;
  std::array<char, 16384> room{};
  while (true) {
    state->next_out = reinterpret_cast<std::uint8_t*>(room.data());
    state->avail_out = room.size();
    if (::isal_inflate(state.get()) != ISAL_DECOMP_OK) return Bad("it cannot be inflated");
    const std::size_t made = room.size() - state->avail_out;
    out.append(room.data(), made);
    if (out.size() > kMaxBytes) return Bad("it inflates to more than 1 MiB");
    if (state->block_state == ISAL_BLOCK_FINISH) break;
    if (made == 0 && state->avail_in == 0) return Bad("it is cut short");
  }
  // The library takes whole words in, and keeps what it did not need as bits.
  if (state->avail_in != 0 || state->read_in_length >= 8) return Bad("something follows the compressed data");
  return out;
}

Result<std::string> Bunzip(std::string_view packed) {
  std::string out;
  const auto stream = MakeDecompressor(Compression::kBzip2, [&out](std::string_view bytes) -> Status {
    out += bytes;
    if (out.size() > kMaxBytes) return Bad("it inflates to more than 1 MiB");
    return Ok();
  });
  TRY(stream->Write(packed));
  TRY(stream->Finish());
  return out;
}

// Section 5.6; the numbers are of section 9.3.
Result<std::string> Unpack(std::string_view body) {
  if (body.empty()) return Bad("it is cut short");
  const std::string_view packed = body.substr(1);
  switch (Byte(body, 0)) {
    case 0: return std::string(packed);
    case 1: return Inflate(packed, ISAL_DEFLATE);
    case 2: return Inflate(packed, ISAL_ZLIB);
    case 3: return Bunzip(packed);
    default: return Bad("it is compressed in an unknown way");
  }
}

// Section 5.9: a kind, a name and a date go before the data.
Result<std::string> DataOf(const Packet& literal) {
  constexpr std::size_t kDate = 4;
  if (literal.body.size() < 2) return Bad("it is cut short");
  const std::size_t start = 2 + Byte(literal.body, 1) + kDate;
  if (literal.body.size() < start) return Bad("it is cut short");
  return literal.body.substr(start);
}

// Section 5.2.3: version 4, of binary data or of text.
Status CheckSignature(const Packet& signature) {
  constexpr unsigned kVersion = 4;
  constexpr unsigned kOfText = 1;
  if (signature.body.size() < 2) return Bad("it is cut short");
  if (Byte(signature.body, 0) != kVersion) return Bad("its signature is not of version 4");
  if (Byte(signature.body, 1) > kOfText) return Bad("its signature is not of a document");
  return Ok();
}

Result<SignedMessage> ParsePlain(std::string_view bytes) {
  Packets packets(bytes);
  const Packet announced = TRY(packets.Next());
  if (announced.tag == kLiteral) return Bad("it is not signed");
  if (announced.tag == kSignature) return Bad("it is a detached signature");
  if (announced.tag != kOnePass) return Bad("it does not begin with a signature");
  if (announced.body.empty() || announced.body.back() == 0) return Bad("it has several signatures");
  const Packet literal = TRY(packets.Next());
  if (literal.tag != kLiteral) return Bad("its signature is of no data");
  const Packet signature = TRY(packets.Next());
  if (signature.tag != kSignature) return Bad("its data are not followed by a signature");
  TRY(CheckSignature(signature));
  if (!packets.AtEnd()) return Bad("something follows the signature");
  SignedMessage out;
  out.payload = TRY(DataOf(literal));
  out.signature = signature.whole;
  return out;
}

}  // namespace

Result<SignedMessage> ParseSignedMessage(std::string_view message) {
  if (message.size() > kMaxBytes) return Bad("it is larger than 1 MiB");
  if (message.starts_with("-----BEGIN PGP")) return Bad("it is text, and has to be binary");
  Packets packets(message);
  const Packet first = TRY(packets.Next());
  if (first.tag != kCompressed) return ParsePlain(message);
  if (!packets.AtEnd()) return Bad("something follows the message");
  const std::string unpacked = TRY(Unpack(first.body));
  return ParsePlain(unpacked);
}

}  // namespace estiba::codec
