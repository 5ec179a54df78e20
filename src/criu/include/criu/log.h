#pragma once
// What CRIU's log says of a failure.

#include <string>
#include <string_view>

namespace estiba::criu {

// The last lines with "Error" in them, at most `most`, one a line, without their time stamps; "" when there is none.
// Pure.
std::string LastErrors(std::string_view log, std::size_t most);

}  // namespace estiba::criu
