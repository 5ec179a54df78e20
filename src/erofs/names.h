#pragma once
// The names of an image being written, in little memory.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "format.h"

namespace estiba::erofs {

struct Name {
  std::uint32_t parent = 0;  // directory
  std::uint32_t text = 0;    // offset of the name
  std::uint64_t target = 0;  // inode; of a directory its number among directories
  std::uint8_t size = 0;
  FileType type = FileType::kUnknown;
  bool whiteout = false;
  bool there = false;
};

// By parent and name. A name taken away stays known, and is used again when it comes back.
class Names {
 public:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  // Null when it is not there.
  const Name* Find(std::uint32_t parent, std::string_view name) const;
  // There is one now, unset; what it was before is gone.
  Name& Put(std::uint32_t parent, std::string_view name);
  void Remove(std::uint32_t parent, std::string_view name);

  std::string_view TextOf(const Name& name) const { return std::string_view(text_).substr(name.text, name.size); }
  const std::vector<Name>& all() const { return names_; }
  std::size_t memory() const { return names_.size() * (sizeof(Name) + 2 * sizeof(std::uint32_t)) + text_.size(); }

 private:
  std::size_t SlotOf(std::uint32_t parent, std::string_view name) const;
  void Grow();

  std::vector<Name> names_;
  std::string text_;
  std::vector<std::uint32_t> slots_;  // a power of two, half of it free; indices into names_, kNone
};

}  // namespace estiba::erofs
