#pragma once
// Queries as clients write them, and answers as they read them.

#include <string>
#include <string_view>
#include <vector>

#include "dns/message.h"

namespace estiba::dns::testing {

struct Asked {
  std::uint16_t id = 0x1234;
  std::string name;
  Type type = Type::kA;
  std::uint16_t klass = 1;
  std::uint16_t edns_size = 0;  // 0: no EDNS
  unsigned edns_version = 0;
};
std::string Packet(const Asked& asked);

struct ReadRecord {
  std::string name;
  Type type = Type::kA;
  std::uint32_t ttl = 0;
  std::string data;  // of PTR: the name; of SRV: "priority weight port name"; else bytes
};
struct Answer {
  bool whole = false;  // it could be read to its end
  std::uint16_t id = 0;
  unsigned rcode = 0;  // with EDNS's upper bits
  bool response = false;
  bool authoritative = false;
  bool cut = false;
  std::string question;
  std::vector<ReadRecord> records;  // of the answer section
  bool edns = false;
};
Answer Read(std::string_view packet);
// "10.0.0.1" of every address record.
std::vector<std::string> Addresses(const Answer& answer);

}  // namespace estiba::dns::testing
