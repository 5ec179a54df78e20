#pragma once
// Starting estiba-cni, for those who must not read what plugins print.

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <unistd.h>

#include "base/result.h"

namespace estiba::cni {

// Back when it has ended. An error is what it said; kDeadlineExceeded when `patience` was over, and it was killed.
Status RunLeaf(const std::string& program, const std::vector<std::string>& words, std::string_view request,
               std::chrono::milliseconds patience, int log_fd = STDERR_FILENO);

}  // namespace estiba::cni
