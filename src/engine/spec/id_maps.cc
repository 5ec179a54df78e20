#include "id_maps.h"

#include <algorithm>

#include "base/parse.h"
#include "base/text.h"

namespace estiba::engine {
namespace {

// As many as the kernel takes (user_namespaces(7)).
constexpr std::size_t kMostRanges = 340;

Error Bad(std::string what) { return Error(Code::kInvalidArgument, std::move(what)); }

// "0:100000:65536", in whatever separates the numbers.
Result<oci::IdMapping> ParseRange(const std::string& text, char separator) {
  const Error bad = Bad("invalid id mapping '" + text + "': expected three numbers with '" + separator + "' between");
  const std::vector<std::string> parts = Split(text, separator);
  if (parts.size() != 3) return bad.Clone();
  std::uint32_t numbers[3] = {};
  for (std::size_t i = 0; i < 3; ++i) {
    const auto number = ParseUint(parts[i], UINT32_MAX - 1);
    if (!number.ok()) return bad.Clone();
    numbers[i] = static_cast<std::uint32_t>(*number);
  }
  const auto fits = [&](std::uint32_t first) { return std::uint64_t{first} + numbers[2] <= UINT32_MAX; };
  if (numbers[2] == 0 || !fits(numbers[0]) || !fits(numbers[1])) return bad.Clone();
  return oci::IdMapping{numbers[0], numbers[1], numbers[2]};
}

bool Overlaps(std::uint32_t a, std::uint32_t b, std::uint32_t a_count, std::uint32_t b_count) {
  return a < std::uint64_t{b} + b_count && b < std::uint64_t{a} + a_count;
}

Status CheckRanges(const std::vector<oci::IdMapping>& maps) {
  if (maps.size() > kMostRanges) return Bad("more than " + std::to_string(kMostRanges) + " id mappings");
  for (std::size_t i = 0; i < maps.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const oci::IdMapping& a = maps[i];
      const oci::IdMapping& b = maps[j];
      if (Overlaps(a.container_id, b.container_id, a.size, b.size) || Overlaps(a.host_id, b.host_id, a.size, b.size))
        return Bad("id mappings overlap at " + std::to_string(a.container_id));
    }
  }
  return Ok();
}

// What id `inside` of the container's is outside of it.
Result<std::uint32_t> Outside(const std::vector<oci::IdMapping>& container, const oci::IdMapping& range) {
  for (const oci::IdMapping& map : container) {
    if (range.host_id < map.container_id || range.host_id - map.container_id >= map.size) continue;
    const std::uint32_t offset = range.host_id - map.container_id;
    if (range.size <= map.size - offset) return map.host_id + offset;
  }
  return Bad("idmap: ids from " + std::to_string(range.host_id) + " on are not the container's: it has " +
             (container.empty() ? "no user namespace" : "no such range in its user namespace"));
}

Result<std::vector<oci::IdMapping>> ParseHalf(std::string_view text, const std::vector<oci::IdMapping>* container) {
  std::vector<oci::IdMapping> maps;
  for (const std::string& item : Split(text, '#')) {
    const bool relative = item.starts_with('@');
    oci::IdMapping range = TRY(ParseRange(item.substr(relative ? 1 : 0), '-'));
    if (relative && container != nullptr) range.host_id = TRY(Outside(*container, range));
    maps.push_back(range);
  }
  TRY(CheckRanges(maps));
  return maps;
}

Result<UsernsRequest> ParseAuto(std::string_view options) {
  UsernsRequest request{.kind = UsernsRequest::Kind::kAuto};
  for (const std::string& option : Split(options, ',')) {
    if (!option.starts_with("size="))
      return Bad("invalid user namespace mode: unknown option '" + option + "' of auto");
    const auto size = ParseUint(std::string_view(option).substr(5), 1U << 28);
    if (!size.ok() || *size == 0) return Bad("invalid user namespace mode: size '" + option.substr(5) + "'");
    request.size = static_cast<std::uint32_t>(*size);
  }
  return request;
}

Result<UsernsRequest> ParseMaps(std::string_view options) {
  UsernsRequest request{.kind = UsernsRequest::Kind::kMaps};
  for (const std::string& option : Split(options, ',')) {
    const auto equals = option.find('=');
    const std::string key = option.substr(0, equals);
    if (equals == std::string::npos || (key != "uidmapping" && key != "gidmapping"))
      return Bad("invalid user namespace mode: '" + option + "'");
    auto& half = key == "uidmapping" ? request.maps.uids : request.maps.gids;
    half.push_back(TRY(ParseRange(option.substr(equals + 1), ':')));
  }
  if (request.maps.uids.empty()) request.maps.uids = request.maps.gids;
  if (request.maps.gids.empty()) request.maps.gids = request.maps.uids;
  TRY(CheckRanges(request.maps.uids));
  TRY(CheckRanges(request.maps.gids));
  for (const auto* half : {&request.maps.uids, &request.maps.gids}) {
    if (std::ranges::none_of(*half, [](const oci::IdMapping& map) { return map.container_id == 0; }))
      return Bad("the user namespace's mappings leave out id 0, which is who starts in it");
  }
  return request;
}

}  // namespace

Result<IdMaps> ParseIdMap(std::string_view text, const IdMaps* container) {
  constexpr oci::IdMapping kSame{0, 0, UINT32_MAX};
  IdMaps maps;
  for (const std::string& half : Split(text, ';')) {
    if (half.starts_with("uids=") && maps.uids.empty()) {
      maps.uids = TRY(ParseHalf(std::string_view(half).substr(5), container == nullptr ? nullptr : &container->uids));
    } else if (half.starts_with("gids=") && maps.gids.empty()) {
      maps.gids = TRY(ParseHalf(std::string_view(half).substr(5), container == nullptr ? nullptr : &container->gids));
    } else {
      return Bad("invalid idmap '" + std::string(text) +
                 "': expected uids=DISK-SEEN-COUNT[#…];gids=DISK-SEEN-COUNT[#…]");
    }
  }
  if (maps.uids.empty()) maps.uids = {kSame};
  if (maps.gids.empty()) maps.gids = {kSame};
  return maps;
}

Result<UsernsRequest> ParseUserns(const std::string& mode) {
  if (mode.empty()) return UsernsRequest{};
  if (mode == "host") return UsernsRequest{.kind = UsernsRequest::Kind::kHost};
  if (mode == "auto") return UsernsRequest{.kind = UsernsRequest::Kind::kAuto};
  if (mode.starts_with("auto:")) return ParseAuto(std::string_view(mode).substr(5));
  if (mode.starts_with("map:")) return ParseMaps(std::string_view(mode).substr(4));
  return Bad("invalid USER mode: " + mode).Hint("host, auto, auto:size=N, or --uidmap and --gidmap");
}

Result<IdPool> ParseIdPool(std::string_view text) {
  const std::vector<std::string> parts = Split(text, ':');
  if (parts.size() == 2) {
    const auto first = ParseUint(parts[0], UINT32_MAX - 1);
    const auto count = ParseUint(parts[1], UINT32_MAX - 1);
    if (first.ok() && count.ok() && *first > 0 && *count > 0 && *first + *count <= UINT32_MAX)
      return IdPool{static_cast<std::uint32_t>(*first), static_cast<std::uint32_t>(*count)};
  }
  return Bad("'" + std::string(text) + "' is no range of ids: expected FIRST:COUNT, FIRST above 0");
}

Result<IdMaps> FindFreeIds(const IdPool& pool, std::uint32_t size, const std::vector<IdMaps>& taken) {
  std::vector<oci::IdMapping> used;
  for (const IdMaps& maps : taken) {
    used.insert(used.end(), maps.uids.begin(), maps.uids.end());
    used.insert(used.end(), maps.gids.begin(), maps.gids.end());
  }
  std::ranges::sort(used, {}, &oci::IdMapping::host_id);
  std::uint64_t at = pool.first;
  for (const oci::IdMapping& map : used) {
    if (std::uint64_t{map.host_id} + map.size <= at) continue;
    if (map.host_id >= at + size) break;
    at = std::uint64_t{map.host_id} + map.size;
  }
  if (at + size > std::uint64_t{pool.first} + pool.count) {
    return Error(Code::kResourceExhausted, "no " + std::to_string(size) + " ids in a row are free for a user namespace")
        .Hint("remove containers, ask for fewer (--userns=auto:size=N), or widen userns.ids in estibad.toml");
  }
  const oci::IdMapping range{0, static_cast<std::uint32_t>(at), size};
  return IdMaps{{range}, {range}};
}

}  // namespace estiba::engine
