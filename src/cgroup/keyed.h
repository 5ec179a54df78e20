#pragma once
// "key value" lines, as memory.stat, cgroup.events and cpu.stat have them.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace estiba::cgroup {

// Lines that are not a key and one number are left out.
std::vector<std::pair<std::string, std::uint64_t>> KeyedValues(std::string_view text);
std::optional<std::uint64_t> KeyedValue(std::string_view text, std::string_view key);

}  // namespace estiba::cgroup
