#include "response_head.h"

#include <charconv>
#include <ctime>

namespace estiba::http {
namespace {

void AppendField(std::string_view name, std::string_view value, std::string* out) {
  out->append(name);
  *out += ": ";
  for (const char c : value) *out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  *out += "\r\n";
}

std::string HttpDate() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  char text[64];
  (void)std::snprintf(text, sizeof text, "%s, %02d %s %d %02d:%02d:%02d GMT", kDays[parts.tm_wday % 7],
                      parts.tm_mday, kMonths[parts.tm_mon % 12], parts.tm_year + 1900, parts.tm_hour,
                      parts.tm_min, parts.tm_sec);
  return text;
}

}  // namespace

std::string WriteHead(const ResponseHead& head, const Headers& server_fields) {
  std::string out =
      "HTTP/1.1 " + std::to_string(head.status) + " " + std::string(ReasonPhrase(head.status)) + "\r\n";
  for (const auto& [name, value] : server_fields.fields()) {
    if (!head.fields.Has(name)) AppendField(name, value, &out);
  }
  for (const auto& [name, value] : head.fields.fields()) AppendField(name, value, &out);
  AppendField("Date", HttpDate(), &out);
  if (head.content_length.has_value())
    AppendField("Content-Length", std::to_string(*head.content_length), &out);
  if (head.chunked) AppendField("Transfer-Encoding", "chunked", &out);
  if (head.close) AppendField("Connection", "close", &out);
  return out + "\r\n";
}

std::string Chunk(std::string_view bytes) {
  char size[20];
  const auto end = std::to_chars(size, size + sizeof size, bytes.size(), 16);
  std::string out(size, end.ptr);
  out += "\r\n";
  out += bytes;
  out += "\r\n";
  return out;
}

std::string ErrorJson(std::string_view message) {
  std::string out = "{\"message\":\"";
  for (const char c : message) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') out += '\\';
    out += byte < 0x20 || byte >= 0x7f ? '?' : c;
  }
  return out + "\"}\n";
}

}  // namespace estiba::http
