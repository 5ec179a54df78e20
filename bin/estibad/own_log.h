#pragma once

#include <cstdint>
#include <string>

#include "base/log.h"
#include "base/result.h"
#include "os/fd.h"

namespace estiba::estibad {

// The engine's own log file: FILE, FILE.1, FILE.2…
class OwnLog {
 public:
  OwnLog(std::string path, std::int64_t max_size, int max_files)
      : path_(std::move(path)), max_size_(max_size), max_files_(max_files) {}

  Status Open(log::Level level);
  // Starts a new file when the current one is too big. Call now and then.
  void Rotate();
  int fd() const { return file_.get(); }
  void SetLevel(log::Level level);

 private:
  std::string path_;
  std::int64_t max_size_;
  int max_files_;
  log::Level level_ = log::Level::kInfo;
  os::UniqueFd file_;
};

}  // namespace estiba::estibad
