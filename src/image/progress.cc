#include <algorithm>
#include <array>
#include <cstdio>
#include <string>

#include "codec/json.h"
#include "image/transfer.h"

namespace estiba::image {
namespace {

// "1.234MB": four significant digits in units of 1000, as docker writes sizes.
std::string HumanSize(std::uint64_t bytes) {
  constexpr std::array<const char*, 7> kUnits{"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1000.0 && unit + 1 < kUnits.size(); ++unit) value /= 1000.0;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.4g%s", value, kUnits[unit]);
  return text.data();
}

std::string PaddedSize(std::uint64_t bytes) {
  std::string text = HumanSize(bytes);
  if (text.size() < 8) text.insert(0, 8 - text.size(), ' ');
  return text;
}

// "[=====>      ]  1.2MB/3MB": what old clients print as it stands.
std::string Bar(std::uint64_t current, std::uint64_t total) {
  if (total == 0) return current == 0 ? std::string() : PaddedSize(current);
  constexpr std::size_t kWidth = 50;
  const double share = static_cast<double>(current) / static_cast<double>(total) * static_cast<double>(kWidth);
  const std::size_t filled = std::min(kWidth, static_cast<std::size_t>(share));
  std::string text =
      "[" + std::string(filled, '=') + ">" + std::string(kWidth - filled, ' ') + "] " + PaddedSize(current);
  if (current <= total) text += "/" + HumanSize(total);
  return text;
}

}  // namespace

std::string DockerProgressLine(const TransferEvent& event) {
  if (event.kind != EventKind::kProgress) return {};
  codec::Json out = codec::Json::MakeObject();
  if (!event.stream.empty()) {
    out.Add("stream", event.stream);
  } else {
    out.Add("status", event.status);
    const bool of_a_layer = !event.id.empty() && !event.status.starts_with("Pulling from ");
    if (of_a_layer || event.current != 0) {
      codec::Json detail = codec::Json::MakeObject();
      if (event.current != 0) detail.Add("current", event.current);
      if (event.total != 0) detail.Add("total", event.total);
      out.Add("progressDetail", std::move(detail));
    }
    const std::string bar = Bar(event.current, event.total);
    if (event.current != 0 && !bar.empty()) out.Add("progress", bar);
    if (!event.id.empty()) out.Add("id", event.id);
  }
  return out.Dump() + "\r\n";
}

}  // namespace estiba::image
