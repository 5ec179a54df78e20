#include "packets.h"

#include "dns/server.h"
#include "dns/name.h"

namespace estiba::dns::testing {
namespace {

void Append16(std::string& out, unsigned value) {
  out += static_cast<char>(value >> 8 & 0xFF);
  out += static_cast<char>(value & 0xFF);
}

unsigned Number(std::string_view bytes, std::size_t at) {
  if (at + 2 > bytes.size()) return 0;
  return static_cast<unsigned>(static_cast<unsigned char>(bytes[at])) << 8 | static_cast<unsigned char>(bytes[at + 1]);
}

std::string Data(std::string_view packet, std::size_t at, std::size_t size, Type type) {
  if (type == Type::kPtr) return ReadName(packet, at).value_or(NameRead{"?"}).name;
  if (type != Type::kSrv) return std::string(packet.substr(at, size));
  return std::to_string(Number(packet, at)) + " " + std::to_string(Number(packet, at + 2)) + " " +
         std::to_string(Number(packet, at + 4)) + " " + ReadName(packet, at + 6).value_or(NameRead{"?"}).name;
}

}  // namespace

std::string Packet(const Asked& asked) {
  std::string out;
  const unsigned additional = asked.edns_size == 0 ? 0 : 1;
  for (const unsigned value : {unsigned{asked.id}, 0x0100U, 1U, 0U, 0U, additional}) Append16(out, value);
  AppendName(out, asked.name);
  Append16(out, static_cast<unsigned>(asked.type));
  Append16(out, asked.klass);
  if (asked.edns_size == 0) return out;
  out += '\0';
  Append16(out, static_cast<unsigned>(Type::kOpt));
  Append16(out, asked.edns_size);
  Append16(out, asked.edns_version);
  Append16(out, 0);
  Append16(out, 0);
  return out;
}

Answer Read(std::string_view packet) {
  Answer answer;
  if (packet.size() < 12) return answer;
  const unsigned flags = Number(packet, 2);
  answer.id = static_cast<std::uint16_t>(Number(packet, 0));
  answer.response = (flags & 0x8000) != 0;
  answer.authoritative = (flags & 0x0400) != 0;
  answer.cut = (flags & 0x0200) != 0;
  answer.rcode = flags & 0xF;
  std::size_t at = 12;
  if (Number(packet, 4) == 1) {
    const auto name = ReadName(packet, at);
    if (!name) return answer;
    answer.question = name->name;
    at = name->end + 4;
  }
  const unsigned own = Number(packet, 6);
  for (unsigned i = 0; i < own + Number(packet, 10); ++i) {
    const auto name = ReadName(packet, at);
    if (!name || name->end + 10 > packet.size()) return answer;
    const auto type = static_cast<Type>(Number(packet, name->end));
    const std::uint32_t ttl = Number(packet, name->end + 4) << 16 | Number(packet, name->end + 6);
    const std::size_t size = Number(packet, name->end + 8);
    at = name->end + 10;
    if (at + size > packet.size()) return answer;
    if (i < own) answer.records.push_back({name->name, type, ttl, Data(packet, at, size, type)});
    if (i >= own && type == Type::kOpt) {
      answer.edns = true;
      answer.rcode |= ttl >> 24 << 4;
    }
    at += size;
  }
  answer.whole = at == packet.size();
  return answer;
}

std::vector<std::string> Addresses(const Answer& answer) {
  std::vector<std::string> addresses;
  for (const ReadRecord& record : answer.records) {
    if (record.type == Type::kA || record.type == Type::kAaaa)
      addresses.push_back(ToString(Ip::FromBytes(record.data).value()));
  }
  return addresses;
}

}  // namespace estiba::dns::testing
