#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace estiba::codec {

std::string EncodeBase64(std::string_view bytes);
// The standard alphabet or the URL one, with or without padding; anything else is kInvalidArgument.
Result<std::string> DecodeBase64(std::string_view text);

}  // namespace estiba::codec
