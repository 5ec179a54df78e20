#include "net/pool.h"

#include <algorithm>

#include "base/parse.h"

namespace estiba::net {
namespace {

__extension__ using Wide = unsigned __int128;

Wide ToNumber(const Ip& address) {
  Wide number = 0;
  for (unsigned i = 0; i < address.Bits() / 8; ++i) number = number << 8 | address.bytes[i];
  return number;
}

Ip FromNumber(Wide number, bool v6) {
  Ip address;
  address.v6 = v6;
  for (unsigned i = address.Bits() / 8; i-- > 0; number >>= 8) address.bytes[i] = static_cast<std::uint8_t>(number);
  return address;
}

// How many addresses a prefix of that length has.
Wide SizeOf(const IpPrefix& prefix) { return Wide{1} << (prefix.address.Bits() - prefix.length); }

IpPrefix Private(std::uint8_t a, std::uint8_t b, unsigned length) { return {Ip{false, {a, b}}, length}; }

const char* Family(bool v6) { return v6 ? "IPv6" : "IPv4"; }

std::optional<IpPrefix> ChooseIn(const AddressPool& pool, const std::vector<IpPrefix>& taken) {
  const bool v6 = pool.base.address.v6;
  const IpPrefix base = pool.base.Network();
  IpPrefix candidate{base.address, pool.size};
  while (base.Contains(candidate.address)) {
    const auto blocking = std::ranges::find_if(taken, [&](const IpPrefix& other) { return other.Overlaps(candidate); });
    if (blocking == taken.end()) return candidate;
    // Jump past whichever of the two ends later, so that a /8 route costs one step.
    const Ip end = std::max(candidate.Last(), blocking->Last());
    if (end >= base.Last()) break;
    candidate.address = FromNumber((ToNumber(end) / SizeOf(candidate) + 1) * SizeOf(candidate), v6);
  }
  return std::nullopt;
}

}  // namespace

std::vector<AddressPool> DefaultPools() {
  return {{Private(172, 17, 16), 16}, {Private(172, 18, 16), 16}, {Private(172, 19, 16), 16},
          {Private(172, 20, 14), 16}, {Private(172, 24, 14), 16}, {Private(172, 28, 14), 16},
          {Private(192, 168, 16), 20}};
}

Status CheckPool(const AddressPool& pool) {
  const unsigned most = pool.base.address.Bits() - 2;
  if (pool.size < pool.base.length || pool.size > most || pool.base.length == 0)
    return Error(Code::kInvalidArgument, "address pool '" + ToString(pool.base) + "' with size " +
                                             std::to_string(pool.size) + ": size must be from the prefix to " +
                                             std::to_string(most));
  return Ok();
}

Result<IpPrefix> ParseSubnet(std::string_view text) {
  const auto prefix = ParseIpPrefix(text);
  if (!prefix.ok()) return Error(Code::kInvalidArgument, "invalid CIDR address: " + std::string(text));
  return prefix->Network();
}

Ip Next(const Ip& address) { return FromNumber(ToNumber(address) + 1, address.v6); }

Result<IpPrefix> ChooseSubnet(const std::vector<AddressPool>& pools, const std::vector<IpPrefix>& taken, bool v6) {
  for (const AddressPool& pool : pools) {
    if (pool.base.address.v6 != v6 || !CheckPool(pool).ok()) continue;
    if (const auto chosen = ChooseIn(pool, taken)) return *chosen;
  }
  return Error(Code::kResourceExhausted, std::string("could not find an available, non-overlapping ") + Family(v6) +
                                             " address pool among the defaults to assign to the network");
}

Result<AddressAllocator> AddressAllocator::Create(const IpPrefix& subnet, std::optional<Ip> gateway,
                                                  std::optional<IpPrefix> range, std::vector<Ip> reserved) {
  if (subnet.length < 1 || subnet.length + 2 > subnet.address.Bits())
    return Error(Code::kInvalidArgument, "subnet '" + ToString(subnet) + "' leaves no room for a gateway and hosts");
  AddressAllocator allocator;
  allocator.subnet_ = subnet;
  allocator.range_ = range.value_or(subnet);
  if (!subnet.Contains(allocator.range_.address) || allocator.range_.length < subnet.length)
    return Error(Code::kInvalidArgument, "range '" + ToString(allocator.range_) + "' is not in subnet '" +
                                             ToString(subnet) + "'");
  allocator.gateway_ = gateway.value_or(Next(subnet.address));
  if (!subnet.Contains(allocator.gateway_))
    return Error(Code::kInvalidArgument, "no matching subnet for gateway " + ToString(allocator.gateway_));
  allocator.reserved_ = std::move(reserved);
  return allocator;
}

AddressAllocator::Counts AddressAllocator::Count() const {
  std::set<Ip> taken = used_;
  taken.insert(subnet_.address);
  if (!subnet_.address.v6) taken.insert(subnet_.Last());
  taken.insert(gateway_);
  for (const Ip& address : reserved_)
    if (subnet_.Contains(address)) taken.insert(address);
  const auto in_range = std::ranges::count_if(taken, [&](const Ip& address) { return range_.Contains(address); });
  const Wide free = SizeOf(range_) - static_cast<Wide>(in_range);
  return {taken.size(), free > UINT64_MAX ? UINT64_MAX : static_cast<std::uint64_t>(free)};
}

bool AddressAllocator::Reserved(const Ip& address) const {
  const bool broadcast = !subnet_.address.v6 && address == subnet_.Last();
  return address == subnet_.address || broadcast || address == gateway_ ||
         std::ranges::find(reserved_, address) != reserved_.end();
}

std::optional<Ip> AddressAllocator::FirstFree(const Ip& from, const Ip& to) const {
  // used_ is sorted: walk it along with the candidates, so a full network costs one pass.
  auto next_used = used_.lower_bound(from);
  for (Ip candidate = from; candidate <= to; candidate = Next(candidate)) {
    const bool used = next_used != used_.end() && *next_used == candidate;
    if (used) ++next_used;
    else if (!Reserved(candidate)) return candidate;
    if (candidate == to) break;  // nothing may come after it
  }
  return std::nullopt;
}

Result<Ip> AddressAllocator::Take() {
  const Ip first = range_.Network().address;
  const Ip last = range_.Last();
  std::optional<Ip> free;
  if (last_given_ && *last_given_ >= first && *last_given_ < last) free = FirstFree(Next(*last_given_), last);
  if (!free) free = FirstFree(first, last);
  if (!free)
    return Error(Code::kResourceExhausted, std::string("no available ") + Family(first.v6) +
                                               " addresses on this network's address pools");
  used_.insert(*free);
  last_given_ = *free;
  return *free;
}

Status AddressAllocator::Take(const Ip& wanted) {
  if (!subnet_.Contains(wanted))
    return Error(Code::kInvalidArgument,
                 "no configured subnet or ip-range contain the IP address " + ToString(wanted));
  if (Reserved(wanted) || !used_.insert(wanted).second) return Error(Code::kConflict, "Address already in use");
  return Ok();
}

void AddressAllocator::Release(const Ip& address, bool used) {
  used_.erase(address);
  if (!used && last_given_ && address == *last_given_) last_given_ = FromNumber(ToNumber(address) - 1, address.v6);
}

}  // namespace estiba::net
