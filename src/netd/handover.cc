#include "netd/handover.h"

#include "base/parse.h"
#include "base/text.h"

namespace estiba::netd {
namespace {
constexpr std::string_view kFirstLine = "estiba-hand-over 1";
}

std::string Encode(const HandOver& message) {
  std::string text = std::string(kFirstLine) + "\nid " + message.id + "\n";
  if (message.rules_made != 0) text += "rules " + std::to_string(message.rules_made) + "\n";
  return text;
}

Result<HandOver> DecodeHandOver(std::string_view text) {
  const std::vector<std::string> lines = Split(text, '\n');
  if (lines[0] != kFirstLine) return Error(Code::kDataLoss, "read a hand-over: it begins with '" + lines[0] + "'");
  HandOver message;
  for (const std::string& line : lines) {
    if (line.starts_with("id ")) message.id = line.substr(3);
    if (line.starts_with("rules ")) message.rules_made = TRY_CTX(ParseUint(line.substr(6)), "read a hand-over");
  }
  if (!IsEndpointFile(message.id)) return Error(Code::kDataLoss, "read a hand-over: id '" + message.id + "'");
  return message;
}

std::string EncodeAnswer(const Status& status) {
  return status.ok() ? "ok\n" : "error " + status.error().Message() + "\n";
}

Status DecodeAnswer(std::string_view text) {
  if (text.starts_with("ok\n")) return Ok();
  if (text.starts_with("error ")) return Error(Code::kUnavailable, "estiba-netd: " + std::string(Trim(text.substr(6))));
  return Error(Code::kDataLoss, "read estiba-netd's answer");
}

bool IsEndpointFile(std::string_view name) {
  constexpr std::size_t kLongest = 64;
  return !name.empty() && name.size() <= kLongest &&
         name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace estiba::netd
