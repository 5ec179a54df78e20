#include "names.h"

#include <functional>

namespace estiba::erofs {

std::size_t Names::SlotOf(std::uint32_t parent, std::string_view name) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = (std::hash<std::string_view>{}(name) ^ (parent * std::size_t{0x9E3779B97F4A7C15})) & mask;
  while (slots_[at] != kNone) {
    const Name& here = names_[slots_[at]];
    if (here.parent == parent && TextOf(here) == name) break;
    at = (at + 1) & mask;
  }
  return at;
}

const Name* Names::Find(std::uint32_t parent, std::string_view name) const {
  if (slots_.empty()) return nullptr;
  const std::uint32_t index = slots_[SlotOf(parent, name)];
  return index != kNone && names_[index].there ? &names_[index] : nullptr;
}

Name& Names::Put(std::uint32_t parent, std::string_view name) {
  if (2 * (names_.size() + 1) > slots_.size()) Grow();
  std::uint32_t& index = slots_[SlotOf(parent, name)];
  if (index == kNone) {
    index = static_cast<std::uint32_t>(names_.size());
    Name& made = names_.emplace_back();
    made.parent = parent;
    made.text = static_cast<std::uint32_t>(text_.size());
    made.size = static_cast<std::uint8_t>(name.size());
    text_.append(name);
  }
  Name& out = names_[index];
  out.target = 0;
  out.type = FileType::kUnknown;
  out.whiteout = false;
  out.there = true;
  return out;
}

void Names::Remove(std::uint32_t parent, std::string_view name) {
  if (slots_.empty()) return;
  const std::uint32_t index = slots_[SlotOf(parent, name)];
  if (index != kNone) names_[index].there = false;
}

void Names::Grow() {
  slots_.assign(slots_.empty() ? 256 : slots_.size() * 2, kNone);
  const std::size_t mask = slots_.size() - 1;
  for (std::uint32_t i = 0; i < names_.size(); ++i) {
    const std::size_t at = SlotOf(names_[i].parent, TextOf(names_[i]));
    slots_[at & mask] = i;
  }
}

}  // namespace estiba::erofs
