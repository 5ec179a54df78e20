#include "net/pool.h"

namespace estiba::net {
namespace {

Subnet Private(std::uint32_t base, unsigned prefix) { return Subnet{Ipv4{base}, prefix}; }

}  // namespace

std::vector<AddressPool> DefaultPools() {
  return {{Private(0xac110000, 16), 16}, {Private(0xac120000, 16), 16}, {Private(0xac130000, 16), 16},
          {Private(0xac140000, 14), 16}, {Private(0xac180000, 14), 16}, {Private(0xac1c0000, 14), 16},
          {Private(0xc0a80000, 16), 20}};
}

Status CheckPool(const AddressPool& pool) {
  if (pool.size < pool.base.prefix || pool.size > 30 || pool.base.prefix == 0)
    return Error(Code::kInvalidArgument, "address pool '" + ToString(pool.base) + "' with size " +
                                             std::to_string(pool.size) + ": size must be from the prefix to 30");
  return Ok();
}

Result<Subnet> ChooseSubnet(const std::vector<AddressPool>& pools, const std::vector<Subnet>& taken) {
  for (const AddressPool& pool : pools) {
    if (!CheckPool(pool).ok()) continue;
    Subnet candidate{pool.base.base, pool.size};
    while (pool.base.Contains(candidate.base)) {
      const Subnet* blocking = nullptr;
      for (const Subnet& other : taken)
        if (other.Overlaps(candidate)) blocking = &other;
      if (blocking == nullptr) return candidate;
      // Jump past whichever of the two ends later, so that a /8 route costs one step.
      const std::uint32_t end = std::max(candidate.Last().value, blocking->Last().value);
      if (end >= pool.base.Last().value) break;
      candidate.base = Ipv4{(end + 1) & candidate.Mask()};
      if (candidate.base.value <= end) candidate.base.value += ~candidate.Mask() + 1;
    }
  }
  return Error(Code::kResourceExhausted,
               "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the "
               "network");
}

Result<AddressAllocator> AddressAllocator::Create(Subnet subnet, std::optional<Ipv4> gateway,
                                                  std::optional<Subnet> range) {
  if (subnet.prefix < 1 || subnet.prefix > 30)
    return Error(Code::kInvalidArgument, "subnet '" + ToString(subnet) + "' leaves no room for a gateway and hosts");
  AddressAllocator allocator;
  allocator.subnet_ = subnet;
  allocator.range_ = range.value_or(subnet);
  if (!subnet.Contains(allocator.range_.base) || allocator.range_.prefix < subnet.prefix)
    return Error(Code::kInvalidArgument, "range '" + ToString(allocator.range_) + "' is not in subnet '" +
                                             ToString(subnet) + "'");
  allocator.gateway_ = gateway.value_or(Ipv4{subnet.base.value + 1});
  if (!subnet.Contains(allocator.gateway_))
    return Error(Code::kInvalidArgument, "no matching subnet for gateway " + ToString(allocator.gateway_));
  return allocator;
}

bool AddressAllocator::Reserved(Ipv4 address) const {
  return address == subnet_.base || address == subnet_.Last() || address == gateway_;
}

std::optional<Ipv4> AddressAllocator::FirstFree(std::uint64_t from, std::uint64_t to) const {
  // used_ is sorted: walk it along with the candidates, so a full network costs one pass.
  auto next_used = used_.lower_bound(Ipv4{static_cast<std::uint32_t>(from)});
  for (std::uint64_t value = from; value <= to; ++value) {
    const Ipv4 candidate{static_cast<std::uint32_t>(value)};
    if (next_used != used_.end() && *next_used == candidate) {
      ++next_used;
      continue;
    }
    if (!Reserved(candidate)) return candidate;
  }
  return std::nullopt;
}

Result<Ipv4> AddressAllocator::Take() {
  const std::uint64_t first = range_.First().value;
  const std::uint64_t after_last = std::max<std::uint64_t>(first, std::uint64_t{last_given_.value} + 1);
  auto free = FirstFree(after_last, range_.Last().value);
  if (!free) free = FirstFree(first, after_last - 1);
  if (!free)
    return Error(Code::kResourceExhausted, "no available IPv4 addresses on this network's address pools");
  used_.insert(*free);
  last_given_ = *free;
  return *free;
}

Status AddressAllocator::Take(Ipv4 wanted) {
  if (!subnet_.Contains(wanted))
    return Error(Code::kInvalidArgument,
                 "no configured subnet or ip-range contain the IP address " + ToString(wanted));
  if (Reserved(wanted) || !used_.insert(wanted).second) return Error(Code::kConflict, "Address already in use");
  return Ok();
}

void AddressAllocator::Release(Ipv4 address, bool used) {
  used_.erase(address);
  if (!used && address == last_given_) last_given_.value -= 1;
}

}  // namespace estiba::net
