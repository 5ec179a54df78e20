// A lab's file. What parses must draw, explain and plan without trouble, and no line of the drawing be wider than a
// terminal.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/text.h"
#include "lab/draw.h"
#include "lab/plan.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto lab = estiba::lab::ParseLab({reinterpret_cast<const char*>(data), size}, "fuzz.yaml");
  if (!lab.ok()) return 0;
  (void)estiba::lab::DrawSvg(*lab);
  (void)estiba::lab::Explain(*lab);
  if (estiba::lab::DrawText(*lab).empty()) __builtin_trap();
  // An image's name may be longer than any line.
  if (std::ranges::any_of(lab->nodes, [](const auto& node) { return !node.image.empty(); })) return 0;
  for (const std::string& line : estiba::Split(estiba::lab::DrawText(*lab), '\n'))
    if (std::ranges::count_if(line, [](char c) { return (c & 0xc0) != 0x80; }) > 100) __builtin_trap();
  return 0;
}
