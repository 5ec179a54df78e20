// What clients in containers send, and what a name server answers: whatever it is, an answer is well-formed, has the
// question it answers, and fits.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "dns/endpoint.h"
#include "dns/resolve.h"

namespace {

using namespace estiba::dns;

void Fill(Zone& zone) {
  for (int i = 0; i < 40; ++i) {
    Endpoint endpoint;
    endpoint.id = "c" + std::to_string(i);
    endpoint.names = {"web" + std::to_string(i), "a"};
    const estiba::Ip address = estiba::ParseIp("172.18.0." + std::to_string(i)).value();
    endpoint.networks = {{"n", "net", {address, 16}, {"b.c"}}};
    endpoint.services = {{"80", "tcp", 80}};
    endpoint.servers = {Server{}};
    zone.Put(endpoint);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Zone zone;
  Fill(zone);
  const std::string_view packet(reinterpret_cast<const char*>(data), size);
  for (const Transport transport : {Transport::kUdp, Transport::kTcp}) {
    const Decision decision = Resolve(zone, zone.Find("c0"), packet, transport);
    if (decision.kind == Decision::Kind::kForward) {
      if (decision.query.question_bytes.size() < 5) __builtin_trap();
      (void)Relayed(decision.query, std::string(packet), transport);
    }
    if (decision.kind != Decision::Kind::kAnswer) continue;
    const Query query = ParseQuery(packet).query;
    if (decision.answer.size() > AnswerLimit(query, transport)) __builtin_trap();
    if (!query.question_bytes.empty() && !ReadAnswerHead(decision.answer, query.id, query.question_bytes))
      __builtin_trap();
    if (ParseQuery(decision.answer).verdict != ParsedQuery::Verdict::kDrop) __builtin_trap();
  }
  return 0;
}
