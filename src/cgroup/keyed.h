#pragma once
// Reading statistics: files of one number, and of "key value" lines (memory.stat, cgroup.events, cpu.stat).

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

// A file's content; empty when it is not there. Statistics are what the host has, never a reason to fail.
std::string FileText(int dir, const std::string& file);
// The file's number; `none` when missing, and for "max" and v1's page-rounded infinity.
std::uint64_t FileNumber(int dir, const std::string& file, std::uint64_t none = 0);

}  // namespace estiba::cgroup
