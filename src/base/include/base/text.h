#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace estiba {

// Pieces between separators; "a::b" gives {"a", "", "b"}, "" gives {""}.
std::vector<std::string> Split(std::string_view text, char separator);
std::string Join(const std::vector<std::string>& parts, std::string_view separator);
// Blanks and line ends off both sides.
std::string_view Trim(std::string_view text);
char LowerCase(char c);  // of ASCII letters
std::string ToLower(std::string_view text);
// Lower-case hexadecimal.
std::string Hex(std::string_view bytes);

}  // namespace estiba
