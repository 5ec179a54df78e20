#include "signal_name.h"

#include <array>
#include <csignal>

#include "base/parse.h"
#include "base/text.h"

namespace estiba::ocicli {
namespace {

// By number, as in signal(7) on this architecture's family (x86, ARM).
constexpr std::array<std::string_view, 32> kNames = {
    "",     "hup",  "int",  "quit", "ill",    "trap", "abrt", "bus",  "fpe",  "kill", "usr1",
    "segv", "usr2", "pipe", "alrm", "term",   "stkflt", "chld", "cont", "stop", "tstp", "ttin",
    "ttou", "urg",  "xcpu", "xfsz", "vtalrm", "prof", "winch", "poll", "pwr",  "sys"};

}  // namespace

Result<int> ParseSignal(const std::string& text) {
  constexpr int kLast = 64;
  const Error unknown(Code::kInvalidArgument, "unknown signal \"" + text + "\"");
  if (auto number = ParseUint(text, kLast); number.ok()) return static_cast<int>(*number);
  std::string name = ToLower(text);
  if (name.starts_with("sig")) name = name.substr(3);
  if (name == "io") name = "poll";  // two names of one
  for (int signal = 1; signal < 32; ++signal) {
    if (kNames[static_cast<std::size_t>(signal)] == name) return signal;
  }
  for (const bool from_start : {true, false}) {
    const std::string base = from_start ? "rtmin" : "rtmax";
    if (!name.starts_with(base)) continue;
    // As the kernel counts them, 34 (what the C library keeps is below) to 64.
    const int edge = from_start ? 34 : kLast;
    if (name == base) return edge;
    if (name.size() < 7 || name[5] != (from_start ? '+' : '-')) return unknown.Clone();
    auto offset = ParseUint(std::string_view(name).substr(6), kLast - 34);
    if (offset.ok()) return from_start ? edge + static_cast<int>(*offset) : edge - static_cast<int>(*offset);
  }
  return unknown.Clone();
}

}  // namespace estiba::ocicli
