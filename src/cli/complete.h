#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace estiba::cli {

// What the last of `words` (all that stands behind "estiba", the last one unfinished) can become: commands,
// options, names of containers, images, networks, volumes. Asks an engine only if one is running.
std::vector<std::string> Completions(std::span<const std::string_view> words);

}  // namespace estiba::cli
