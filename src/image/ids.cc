#include "image/ids.h"

namespace estiba::image {
namespace {

constexpr std::uint32_t kNobody = 65534;

}  // namespace

std::uint32_t ToContainer(const std::vector<IdRange>& ranges, std::uint32_t id) {
  if (ranges.empty()) return id;
  for (const IdRange& range : ranges) {
    if (id >= range.host && id - range.host < range.count) return range.container + (id - range.host);
  }
  return kNobody;
}

Result<std::uint32_t> ToHost(const std::vector<IdRange>& ranges, std::uint32_t id) {
  if (ranges.empty()) return id;
  for (const IdRange& range : ranges) {
    if (id >= range.container && id - range.container < range.count) return range.host + (id - range.container);
  }
  return Error(Code::kInvalidArgument, "the container's user namespace has no id " + std::to_string(id));
}

}  // namespace estiba::image
