#pragma once
// Columns aligned with blanks, as Go's tabwriter does it for Docker: a cell is at least ten wide and three
// blanks from the next; the last cell of a line is not padded.

#include <string>
#include <string_view>
#include <vector>

namespace estiba::cli {

// Lines are split at '\n', cells at '\t'.
std::string AlignColumns(std::string_view text, std::size_t min_width = 10, std::size_t padding = 3);
// The same for rows of cells.
std::string AlignRows(const std::vector<std::vector<std::string>>& rows, std::size_t min_width = 10,
                      std::size_t padding = 3);
// Columns a terminal uses for UTF-8 text, counting one a code point.
std::size_t DisplayWidth(std::string_view text);
// At most `width` code points, the last an ellipsis when something is cut.
std::string Ellipsis(std::string_view text, std::size_t width);

}  // namespace estiba::cli
