#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace estiba::cli {

// How much was copied, on standard error: as it goes if that is a terminal, and at the end.
class CopyProgress {
 public:
  CopyProgress(std::string header, bool quiet);
  ~CopyProgress();
  CopyProgress(const CopyProgress&) = delete;
  CopyProgress& operator=(const CopyProgress&) = delete;

  void Add(std::size_t bytes);
  // "Successfully copied 2.05kB to web:/tmp".
  void Finish(const std::string& destination);

 private:
  void Clear();

  const std::string header_;
  const bool quiet_;
  const bool live_;
  bool drawn_ = false;
  std::uint64_t bytes_ = 0;
  std::chrono::steady_clock::time_point next_{};
};

}  // namespace estiba::cli
