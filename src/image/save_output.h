#pragma once
// Where a save puts its files: a tar archive, or a directory.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace estiba::image {

class SaveOutput {
 public:
  virtual ~SaveOutput() = default;
  // Paths are relative and clean; the parent has been added before, the path itself has not.
  virtual Status AddDirectory(const std::string& path) = 0;
  virtual Status AddText(const std::string& path, std::string_view text) = 0;
  // All `size` bytes of an open file, from its position on.
  virtual Status AddFile(const std::string& path, int file, std::uint64_t size) = 0;
  virtual Status Finish() = 0;
};

// By what the descriptor, borrowed, is: below a directory, whose owner the files get and where nothing of these names
// is yet; else as a tar archive into it.
Result<std::unique_ptr<SaveOutput>> MakeSaveOutput(int to);

}  // namespace estiba::image
