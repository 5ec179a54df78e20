#include "text/table.h"

#include "base/text.h"

namespace estiba::cli {
namespace {

bool StartsCodePoint(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

}  // namespace

std::size_t DisplayWidth(std::string_view text) {
  std::size_t width = 0;
  for (const char c : text) width += StartsCodePoint(c) ? 1 : 0;
  return width;
}

std::string Ellipsis(std::string_view text, std::size_t width) {
  if (width == 0) return "";
  if (DisplayWidth(text) <= width) return std::string(text);
  std::size_t points = 0;
  std::size_t end = 0;
  for (; end < text.size(); ++end) {
    if (StartsCodePoint(text[end]) && points++ == width - 1) break;
  }
  return std::string(text.substr(0, end)) + "…";
}

std::string AlignRows(const std::vector<std::vector<std::string>>& rows, std::size_t min_width,
                      std::size_t padding) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i + 1 < row.size(); ++i) {
      if (widths.size() <= i) widths.push_back(min_width);
      widths[i] = std::max(widths[i], DisplayWidth(row[i]) + padding);
    }
  }
  std::string text;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      text += row[i];
      if (i + 1 < row.size()) text.append(widths[i] - DisplayWidth(row[i]), ' ');
    }
    text += '\n';
  }
  return text;
}

std::string AlignColumns(std::string_view text, std::size_t min_width, std::size_t padding) {
  if (text.empty()) return "";
  if (text.ends_with('\n')) text.remove_suffix(1);
  std::vector<std::vector<std::string>> rows;
  for (const auto& line : Split(text, '\n')) rows.push_back(Split(line, '\t'));
  return AlignRows(rows, min_width, padding);
}

}  // namespace estiba::cli
