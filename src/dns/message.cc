#include "dns/message.h"

#include <algorithm>

#include "base/text.h"
#include "dns/name.h"

namespace estiba::dns {
namespace {

constexpr std::size_t kHeader = 12;
constexpr std::size_t kOptRecord = 11;  // without options
constexpr std::uint16_t kResponse = 0x8000;
constexpr std::uint16_t kOpcode = 0x7800;
constexpr std::uint16_t kAuthoritative = 0x0400;
constexpr std::uint16_t kCut = 0x0200;
constexpr std::uint16_t kRecursionDesired = 0x0100;
constexpr std::uint16_t kRecursionAvailable = 0x0080;
constexpr std::uint16_t kCheckingDisabled = 0x0010;
constexpr std::uint16_t kRcode = 0x000F;
constexpr std::uint16_t kDnssecOk = 0x8000;
constexpr std::uint16_t kInternet = 1;
// Names move to other addresses within a second, when a container is replaced: nobody is to remember them.
constexpr std::uint32_t kTtl = 0;

std::uint16_t Number(std::string_view bytes, std::size_t at) {
  const auto high = static_cast<unsigned char>(bytes[at]);
  return static_cast<std::uint16_t>(high << 8 | static_cast<unsigned char>(bytes[at + 1]));
}

void Append16(std::string& out, unsigned value) {
  out += static_cast<char>(value >> 8 & 0xFF);
  out += static_cast<char>(value & 0xFF);
}

void Set16(std::string& out, std::size_t at, unsigned value) {
  out[at] = static_cast<char>(value >> 8 & 0xFF);
  out[at + 1] = static_cast<char>(value & 0xFF);
}

// The records behind the question, among which one may be EDNS's; false when they are malformed.
bool ReadAdditional(std::string_view packet, std::size_t at, unsigned count, Query& query) {
  for (unsigned i = 0; i < count; ++i) {
    const auto owner = ReadName(packet, at);
    constexpr std::size_t kFixed = 10;
    if (!owner || owner->end + kFixed > packet.size()) return false;
    at = owner->end;
    const std::size_t end = at + kFixed + Number(packet, at + 8);
    if (end > packet.size()) return false;
    if (static_cast<Type>(Number(packet, at)) == Type::kOpt) {
      if (query.edns || !owner->name.empty()) return false;
      const std::uint16_t flags = Number(packet, at + 6);
      query.edns = Edns{Number(packet, at + 2), static_cast<unsigned char>(packet[at + 5]), (flags & kDnssecOk) != 0};
    }
    at = end;
  }
  return at == packet.size();
}

}  // namespace

ParsedQuery ParseQuery(std::string_view packet) {
  ParsedQuery parsed;
  if (packet.size() < kHeader) return parsed;
  const std::uint16_t flags = Number(packet, 2);
  if ((flags & kResponse) != 0) return parsed;
  parsed.verdict = ParsedQuery::Verdict::kRefuse;
  Query& query = parsed.query;
  query.id = Number(packet, 0);
  query.recursion_desired = (flags & kRecursionDesired) != 0;
  query.checking_disabled = (flags & kCheckingDisabled) != 0;
  if ((flags & kOpcode) != 0) {
    parsed.rcode = Rcode::kNotImplemented;
    return parsed;
  }
  if ((flags & kCut) != 0 || Number(packet, 4) != 1 || Number(packet, 6) != 0 || Number(packet, 8) != 0) return parsed;
  const auto name = ReadName(packet, kHeader);
  if (!name || name->compressed || name->end + 4 > packet.size()) return parsed;
  query.question = {name->name, static_cast<Type>(Number(packet, name->end)), Number(packet, name->end + 2)};
  query.question_bytes = packet.substr(kHeader, name->end + 4 - kHeader);
  if (!ReadAdditional(packet, name->end + 4, Number(packet, 10), query)) return parsed;
  if (query.edns && query.edns->version != 0) {
    parsed.rcode = Rcode::kBadVersion;
    return parsed;
  }
  parsed.rcode = Rcode::kRefused;
  const Type type = query.question.type;
  const bool transfer = type == Type::kAxfr || type == Type::kIxfr;
  if (query.question.klass != kInternet || transfer || type == Type::kOpt) return parsed;
  parsed.verdict = ParsedQuery::Verdict::kQuery;
  return parsed;
}

std::size_t AnswerLimit(const Query& query, Transport transport) {
  if (transport == Transport::kTcp) return kMaxMessage;
  if (!query.edns) return kPlainUdp;
  return std::clamp<std::size_t>(query.edns->udp_size, kPlainUdp, kLargestUdp);
}

AnswerWriter::AnswerWriter(const Query& query, Rcode rcode, Transport transport)
    : query_(query), rcode_(rcode), limit_(AnswerLimit(query, transport) - (query.edns ? kOptRecord : 0)) {
  out_.assign(kHeader, '\0');
  Set16(out_, 0, query.id);
  Set16(out_, 4, query.question_bytes.empty() ? 0 : 1);
  out_ += query.question_bytes;
}

void AnswerWriter::Add(const Record& record) {
  constexpr std::size_t kFixed = 12;
  if (cut_ || out_.size() + kFixed + record.data.size() > limit_) return Cut();
  Append16(out_, 0xC000 | kHeader);  // the question's name
  Append16(out_, static_cast<unsigned>(record.type));
  Append16(out_, kInternet);
  Append16(out_, kTtl >> 16);
  Append16(out_, kTtl & 0xFFFF);
  Append16(out_, static_cast<unsigned>(record.data.size()));
  out_ += record.data;
  ++answers_;
}

void AnswerWriter::Cut() { cut_ = true; }

std::string AnswerWriter::Finish() && {
  unsigned flags = kResponse | kRecursionAvailable;
  const bool ours = rcode_ == Rcode::kNoError || rcode_ == Rcode::kNoName;
  if (ours && !cut_) flags |= kAuthoritative;
  if (cut_) flags |= kCut;
  if (query_.recursion_desired) flags |= kRecursionDesired;
  if (query_.checking_disabled) flags |= kCheckingDisabled;
  Set16(out_, 2, flags | (static_cast<unsigned>(rcode_) & kRcode));
  Set16(out_, 6, answers_);
  if (!query_.edns) return std::move(out_);
  Set16(out_, 10, 1);
  out_ += '\0';  // the root
  Append16(out_, static_cast<unsigned>(Type::kOpt));
  Append16(out_, kLargestUdp);
  Append16(out_, (static_cast<unsigned>(rcode_) >> 4) << 8);  // the code's upper bits, and our version, 0
  Append16(out_, query_.edns->dnssec_ok ? kDnssecOk : 0);
  Append16(out_, 0);
  return std::move(out_);
}

std::string EmptyAnswer(const Query& query, Rcode rcode, Transport transport) {
  return AnswerWriter(query, rcode, transport).Finish();
}

std::optional<AnswerHead> ReadAnswerHead(std::string_view packet, std::uint16_t id, std::string_view question_bytes) {
  if (packet.size() < kHeader + question_bytes.size() || Number(packet, 0) != id) return std::nullopt;
  const std::uint16_t flags = Number(packet, 2);
  if ((flags & kResponse) == 0 || (flags & kOpcode) != 0 || Number(packet, 4) != 1) return std::nullopt;
  // Lengths of labels are below every letter: comparing without case is safe across the whole question.
  const std::string_view echoed = packet.substr(kHeader, question_bytes.size());
  if (!std::ranges::equal(echoed, question_bytes, {}, LowerCase, LowerCase)) return std::nullopt;
  return AnswerHead{static_cast<Rcode>(flags & kRcode), (flags & kCut) != 0};
}

void SetId(std::string& packet, std::uint16_t id) { Set16(packet, 0, id); }

std::string Framed(std::string_view message) {
  std::string out;
  out.reserve(message.size() + 2);
  Append16(out, static_cast<unsigned>(message.size()));
  out += message;
  return out;
}

std::optional<std::string_view> FirstFramed(std::string_view stream) {
  if (stream.size() < 2 || stream.size() - 2 < Number(stream, 0)) return std::nullopt;
  return stream.substr(2, Number(stream, 0));
}

}  // namespace estiba::dns
