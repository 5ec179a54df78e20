// The response parser: whole and byte by byte it reads the same body, and never uses more than it was given.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "../src/http/response_parser.h"

namespace {

struct Outcome {
  bool good = false;
  int status = 0;
  std::string body;
  bool operator==(const Outcome&) const = default;
};

Outcome Parse(std::string_view bytes, std::size_t piece, bool to_head) {
  estiba::http::ResponseParser parser(to_head);
  Outcome outcome;
  std::string pending;
  for (std::size_t at = 0; at < bytes.size() && !parser.done(); at += piece) {
    pending += bytes.substr(at, piece);
    for (;;) {
      const auto used = parser.Feed(pending);
      if (!used.ok()) return outcome;
      if (*used > pending.size()) std::abort();
      pending.erase(0, *used);
      outcome.body += parser.TakeBody();
      if (*used == 0 || parser.done()) break;
    }
  }
  if (!parser.done() && !parser.FeedEnd().ok()) return Outcome();
  outcome.good = parser.head_done();
  outcome.status = parser.status();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const bool to_head = size % 7 == 3;
  const Outcome whole = Parse(bytes, size + 1, to_head);
  const Outcome pieces = Parse(bytes, 1, to_head);
  if (whole.good && pieces.good && !(whole == pieces)) std::abort();
  return 0;
}
