#pragma once

#include <atomic>
#include <cstddef>
#include <functional>

#include "base/result.h"

namespace estiba::image {

// Calls work(0), work(1), … in this order, on at most `threads` threads at a time. The first failure sets `stop`, lets
// no more begin, and is the answer: what ends because of another's says nothing.
Status InParallel(std::size_t count, std::size_t threads, std::atomic<bool>& stop,
                  const std::function<Status(std::size_t)>& work);

}  // namespace estiba::image
