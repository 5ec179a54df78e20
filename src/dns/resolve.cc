#include "dns/resolve.h"

namespace estiba::dns {
namespace {

Decision Answered(std::string answer) { return {Decision::Kind::kAnswer, std::move(answer), {}}; }

// True when nobody else is to be asked about it: in an internal network every question that left it would carry data
// outside, whoever answers (CVE-2024-29018).
bool StaysInside(const Endpoint& asker) { return asker.internal || asker.servers.empty(); }

bool IsAddressType(Type type) { return type == Type::kA || type == Type::kAaaa; }

}  // namespace

Decision Resolve(Zone& zone, const Endpoint* asker, std::string_view packet, Transport transport) {
  ParsedQuery parsed = ParseQuery(packet);
  if (parsed.verdict == ParsedQuery::Verdict::kDrop) return {};
  const Query& query = parsed.query;
  if (parsed.verdict == ParsedQuery::Verdict::kRefuse) return Answered(EmptyAnswer(query, parsed.rcode, transport));
  if (asker == nullptr) return Answered(EmptyAnswer(query, Rcode::kServerFailure, transport));
  const Zone::Found found = zone.Look(*asker, query.question);
  if (found.kind != Zone::Found::Kind::kElsewhere) {
    const bool named = found.kind == Zone::Found::Kind::kName;
    AnswerWriter answer(query, named ? Rcode::kNoError : Rcode::kNoName, transport);
    for (const Record& record : found.records) answer.Add(record);
    return Answered(std::move(answer).Finish());
  }
  // As docker: whoever sets ndots means single labels for the search list.
  const bool single = query.question.name.find('.') == std::string::npos;
  if (asker->keeps_single_labels && single && IsAddressType(query.question.type))
    return Answered(EmptyAnswer(query, Rcode::kNoError, transport));
  if (StaysInside(*asker)) return Answered(EmptyAnswer(query, Rcode::kServerFailure, transport));
  return {Decision::Kind::kForward, {}, std::move(parsed.query)};
}

std::string Relayed(const Query& query, std::string answer, Transport transport) {
  if (answer.size() > AnswerLimit(query, transport)) {
    AnswerWriter cut(query, Rcode::kNoError, transport);
    cut.Cut();
    return std::move(cut).Finish();
  }
  SetId(answer, query.id);
  return answer;
}

}  // namespace estiba::dns
