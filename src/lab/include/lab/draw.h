#pragma once
// A lab drawn: the same file gives the same drawing, byte for byte. Pure.

#include <string>

#include "lab/model.h"

namespace estiba::lab {

// As a tree for a terminal, at most 100 columns wide; a link that closes a loop is drawn once, and says where to.
std::string DrawText(const Lab& lab);
// As an SVG document.
std::string DrawSvg(const Lab& lab);

}  // namespace estiba::lab
