#include "monitorapi/log.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

namespace estiba::monitorapi {

void AppendStdcopyHeader(std::string& out, Stream stream, std::uint32_t length) {
  const std::array<char, 8> header = {static_cast<char>(stream),
                                      0,
                                      0,
                                      0,
                                      static_cast<char>(length >> 24),
                                      static_cast<char>(length >> 16 & 0xFF),
                                      static_cast<char>(length >> 8 & 0xFF),
                                      static_cast<char>(length & 0xFF)};
  out.append(header.data(), header.size());
}

void AppendChunk(std::string& out, std::string_view bytes) {
  std::array<char, 24> head;
  const int n = std::snprintf(head.data(), head.size(), "%zx\r\n", bytes.size());
  out.append(head.data(), static_cast<std::size_t>(n));
  out += bytes;
  out += "\r\n";
}

std::string FormatLogTime(std::int64_t nanoseconds) {
  constexpr std::int64_t kBillion = 1'000'000'000;
  const std::time_t seconds = nanoseconds / kBillion;
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  std::array<char, 64> text;
  const int n = std::snprintf(text.data(), text.size(), "%04d-%02d-%02dT%02d:%02d:%02d.%09lldZ",
                              utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min,
                              utc.tm_sec, static_cast<long long>(nanoseconds % kBillion));
  return std::string(text.data(), static_cast<std::size_t>(n));
}

void AppendLogEntry(std::string& out, std::string_view time, Stream stream, bool partial,
                    std::string_view text) {
  out += time;
  out += stream == Stream::kErr ? " stderr " : " stdout ";
  out += partial ? "P " : "F ";
  out += text;
  out += '\n';
}

bool ParseLogEntry(std::string_view line, LogEntry* entry) {
  if (line.size() < kLogPrefix || line[kLogTime - 1] != 'Z' || line[kLogTime] != ' ') return false;
  const std::string_view stream = line.substr(kLogTime + 1, 7);
  if (stream == "stdout ") {
    entry->stream = Stream::kOut;
  } else if (stream == "stderr ") {
    entry->stream = Stream::kErr;
  } else {
    return false;
  }
  const std::string_view flag = line.substr(kLogPrefix - 2, 2);
  if (flag != "F " && flag != "P ") return false;
  entry->partial = flag[0] == 'P';
  entry->time = line.substr(0, kLogTime);
  entry->text = line.substr(kLogPrefix);
  return true;
}

LogFormatter::LogFormatter(const LogOptions& options) : options_(options) {
  if (options.since > 0) since_ = FormatLogTime(options.since);
  if (options.until > 0) until_ = FormatLogTime(options.until);
}

void LogFormatter::Append(std::string& out, const LogEntry& entry) {
  if (!until_.empty() && entry.time > until_) ended_ = true;
  if (ended_ || (!since_.empty() && entry.time < since_)) return;
  if (!(entry.stream == Stream::kErr ? options_.err : options_.out)) return;
  bool& in_line = in_line_[static_cast<std::size_t>(entry.stream)];
  // A long line is one line with one time, however many entries it was cut into.
  const bool begins = !std::exchange(in_line, entry.partial);
  std::string_view text = entry.text;
  std::size_t& skip = skip_[static_cast<std::size_t>(entry.stream)];
  const std::size_t skipped = std::min(skip, text.size());
  text.remove_prefix(skipped);
  skip -= skipped;
  if (text.empty() && entry.partial) return;
  const std::size_t length =
      text.size() + (entry.partial ? 0U : 1U) +
      (begins ? options_.details.size() + (options_.timestamps ? kLogTime + 1 : 0) : 0);
  if (!options_.raw) AppendStdcopyHeader(out, entry.stream, static_cast<std::uint32_t>(length));
  if (begins && options_.timestamps) out.append(entry.time).append(1, ' ');
  if (begins) out += options_.details;
  out += text;
  if (!entry.partial) out += '\n';
}

std::string_view LogFormatter::Unskipped(Stream stream, std::string_view text) const {
  return text.substr(std::min(skip_[static_cast<std::size_t>(stream)], text.size()));
}

}  // namespace estiba::monitorapi
