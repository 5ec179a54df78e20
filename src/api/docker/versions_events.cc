// Events as streams: media types, and what older clients need besides.

#include "base/text.h"
#include "versions.h"

namespace estiba::api::docker {
namespace {

constexpr const char* kJson = "application/json";
constexpr const char* kLines = "application/jsonl";
constexpr const char* kNewlines = "application/x-ndjson";
constexpr const char* kSequence = "application/json-seq";  // RFC 7464
constexpr char kRecordSeparator = 0x1E;

// RFC 9110, 12.4.2: "0.8" in thousandths; 1000 without one, 0 for what is none.
int Quality(const std::vector<std::string>& parameters) {
  for (const std::string& parameter : parameters) {
    const std::string text = ToLower(Trim(parameter));
    if (!text.starts_with("q=")) continue;
    if (text.starts_with("q=1")) return 1000;
    if (!text.starts_with("q=0")) return 0;
    int thousandths = 0, weight = 100;
    for (std::size_t i = 4; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i, weight /= 10)
      thousandths += (text[i] - '0') * weight;
    return thousandths;
  }
  return 1000;
}

}  // namespace

std::string EventsType(int minor, const http::Headers& headers) {
  std::string best = minor < 52 ? kJson : kLines;
  int quality = 0;
  const std::vector<std::string> items = Split(headers.Get("Accept"), ',');
  // Of those that weigh the same, the first of ours.
  for (const char* offer : {kLines, kNewlines, kSequence}) {
    for (const std::string& item : items) {
      std::vector<std::string> words = Split(item, ';');
      if (ToLower(Trim(words.front())) != offer) continue;
      words.erase(words.begin());
      const int wanted = Quality(words);
      if (wanted <= quality) continue;
      quality = wanted;
      best = offer;
    }
  }
  return best;
}

std::string EventText(int minor, const std::string& type, const apitypes::Event& event) {
  if (minor < 46 && event.type == "image" && event.action == "create") return {};
  // With "status", "id" and "from", which Docker has no more since 1.52: docker-compose 1.29 asks for that version and
  // cannot do without.
  std::string text = event.ToJson().Dump() + "\n";
  if (type == kSequence) text.insert(text.begin(), kRecordSeparator);
  return text;
}

}  // namespace estiba::api::docker
