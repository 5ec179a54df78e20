// The request parser: fed whole and in pieces it must agree with itself, and never use more than it was
// given.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "../src/http/request_parser.h"

namespace {

struct Outcome {
  bool ok = true;
  bool done = false;
  std::string method, path, body;
  std::size_t fields = 0;
  bool operator==(const Outcome&) const = default;
};

Outcome Parse(std::string_view bytes, std::size_t piece) {
  estiba::http::RequestParser parser(4096);
  Outcome outcome;
  std::string pending;
  while (!bytes.empty() && outcome.ok && !parser.done()) {
    const std::string_view part = bytes.substr(0, piece);
    bytes.remove_prefix(part.size());
    pending += part;
    for (;;) {
      const auto used = parser.Feed(pending);
      if (!used.ok()) {
        outcome.ok = false;
        break;
      }
      if (*used > pending.size()) std::abort();
      pending.erase(0, *used);
      outcome.body += parser.TakeBody();
      if (*used == 0 || pending.empty() || parser.done()) break;
    }
  }
  if (!outcome.ok) return Outcome();  // how far it came depends on the pieces
  outcome.done = parser.done();
  if (parser.head_done()) {
    outcome.method = parser.head().method;
    outcome.path = parser.head().path;
    outcome.fields = parser.head().headers.fields().size();
    (void)parser.content_length();
  }
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const Outcome whole = Parse(bytes, size == 0 ? 1 : size);
  const Outcome pieces = Parse(bytes, 1);
  if (whole.ok && pieces.ok && !(whole == pieces)) std::abort();
  return 0;
}
