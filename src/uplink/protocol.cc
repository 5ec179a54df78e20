#include "uplink/protocol.h"

#include "base/text.h"

namespace estiba::uplink {
namespace {

constexpr std::string_view kVersion = "estiba-uplink 1\n";

struct Word {
  Request::Kind kind;
  std::string_view word;
};
constexpr Word kWords[] = {
    {Request::Kind::kNetwork, "network"},
    {Request::Kind::kOffer, "offer"},
    {Request::Kind::kWayOut, "way-out"},
    {Request::Kind::kPorts, "ports"},
    {Request::Kind::kTrouble, "trouble"},
};

}  // namespace

std::string Encode(const Request& request) {
  std::string text(kVersion);
  for (const Word& one : kWords)
    if (one.kind == request.kind) text += one.word;
  if (!request.text.empty()) text += ' ' + request.text;
  return text + '\n';
}

Result<Request> Decode(std::string_view text) {
  const auto bad = [] { return Error(Code::kInvalidArgument, "read a request: it is not one of estiba-uplink's"); };
  if (!text.starts_with(kVersion) || !text.ends_with('\n')) return bad();
  std::string_view line = text.substr(kVersion.size(), text.size() - kVersion.size() - 1);
  const std::size_t blank = line.find(' ');
  const std::string_view word = line.substr(0, blank);
  for (const Word& one : kWords) {
    if (one.word != word) continue;
    Request request{one.kind};
    if (blank != std::string_view::npos) request.text = line.substr(blank + 1);
    return request;
  }
  return bad();
}

std::string EncodeAnswer(const Status& status, std::string_view text) {
  if (!status.ok()) return "error " + status.error().Message();
  return text.empty() ? "ok" : "ok " + std::string(text);
}

Result<std::string> DecodeAnswer(std::string_view answer) {
  if (answer == "ok") return std::string();
  if (answer.starts_with("ok ")) return std::string(answer.substr(3));
  if (answer.starts_with("error "))
    return Error(Code::kUnavailable, "estiba-uplink: " + std::string(Trim(answer.substr(6))));
  return Error(Code::kDataLoss, "read estiba-uplink's answer");
}

}  // namespace estiba::uplink
