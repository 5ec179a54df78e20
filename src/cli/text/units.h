#pragma once
// Sizes and times for people, in the words of Docker's columns.

#include <chrono>
#include <cstdint>
#include <string>

#include "base/clock.h"

namespace estiba::cli {

// Decimal units with `digits` significant digits: "4.26MB", "0B".
std::string HumanSize(double bytes, int digits = 4);
// Binary units: "1.5GiB".
std::string BinarySize(double bytes);
// "Less than a second", "About a minute", "3 hours", "2 weeks".
std::string HumanDuration(std::chrono::nanoseconds duration);
// "2026-01-02 03:04:05 +0000 UTC" in local time, as Go prints a time.
std::string GoTime(WallTime time);

}  // namespace estiba::cli
