#include "parallel.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace estiba::image {

Status InParallel(std::size_t count, std::size_t threads, std::atomic<bool>& stop,
                  const std::function<Status(std::size_t)>& work) {
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::optional<Error> failure;
  const auto run = [&] {
    for (std::size_t i = next++; i < count && !stop.load(); i = next++) {
      Status status = work(i);
      if (status.ok()) continue;
      const std::lock_guard lock(mutex);
      if (!failure) failure.emplace(std::move(status).error());
      stop.store(true);
    }
  };
  std::vector<std::jthread> others;
  for (std::size_t i = 1; i < std::min(threads, count); ++i) others.emplace_back(run);
  run();
  others.clear();
  if (failure) return std::move(*failure);
  return Ok();
}

}  // namespace estiba::image
