#pragma once
// A client's packet to what is done about it: answered here, asked of others, or nothing. Pure.

#include <string>
#include <string_view>

#include "dns/message.h"
#include "dns/zone.h"

namespace estiba::dns {

struct Decision {
  enum class Kind : unsigned char { kNothing, kAnswer, kForward };
  Kind kind = Kind::kNothing;
  std::string answer{};  // kAnswer: to be sent as it is
  Query query{};         // kForward
};
// `asker` null: nothing is known of who asks, and it is told to try again later (SERVFAIL).
Decision Resolve(Zone& zone, const Endpoint* asker, std::string_view packet, Transport transport);

// What a client gets of another server's answer to its query: under its own id, and cut to what it takes.
std::string Relayed(const Query& query, std::string answer, Transport transport);

}  // namespace estiba::dns
