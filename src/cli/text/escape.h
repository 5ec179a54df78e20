#pragma once
// Text from a server, shown on a terminal: control characters could move the cursor or rename the window.

#include <string>
#include <string_view>

namespace estiba::cli {

// Control characters but tab and line end become "\xNN"; bytes of UTF-8's C1 controls too.
std::string EscapeControls(std::string_view text);
// As Go's strconv.Quote: "\"sh -c 'a'\"".
std::string GoQuote(std::string_view text);

}  // namespace estiba::cli
