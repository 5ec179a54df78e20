#pragma once
// Which subnet a network gets and which address a container gets. Pure values; the engine persists them.

#include <optional>
#include <set>
#include <vector>

#include "net/address.h"

namespace estiba::net {

// Networks without a subnet of their own get the first free /size of `base`.
struct AddressPool {
  Subnet base;
  unsigned size = 0;
};
// Docker's: 172.17.0.0/16 to 172.31.0.0/16 as /16, then 192.168.0.0/16 as /20.
std::vector<AddressPool> DefaultPools();
// A pool is usable: size between the base's prefix and /30.
Status CheckPool(const AddressPool& pool);

// The first subnet of the pools, in order, that overlaps nothing in `taken` (other networks, the host's routes).
Result<Subnet> ChooseSubnet(const std::vector<AddressPool>& pools, const std::vector<Subnet>& taken);

// The addresses of one network. Network address, broadcast address and gateway are never given out.
class AddressAllocator {
 public:
  AddressAllocator() = default;
  // `range`: where addresses are chosen from, the whole subnet if not given.
  static Result<AddressAllocator> Create(Subnet subnet, std::optional<Ipv4> gateway = std::nullopt,
                                         std::optional<Subnet> range = std::nullopt);
  const Subnet& subnet() const { return subnet_; }
  Ipv4 gateway() const { return gateway_; }
  const std::set<Ipv4>& used() const { return used_; }

  // The next free one after the last given, then from the start again: a released address rests, since the kernel takes
  // down the namespace that answered for it in its own time and neighbours remember it.
  // kResourceExhausted: "no available IPv4 addresses on this network's address pools".
  Result<Ipv4> Take();
  // That one: kInvalidArgument outside the subnet, kConflict "Address already in use".
  Status Take(Ipv4 wanted);
  // `used` false: nobody has had it, so it need not rest.
  void Release(Ipv4 address, bool used = true);

 private:
  bool Reserved(Ipv4 address) const;
  std::optional<Ipv4> FirstFree(std::uint64_t from, std::uint64_t to) const;
  Subnet subnet_;
  Subnet range_;
  Ipv4 gateway_;
  std::set<Ipv4> used_;
  Ipv4 last_given_;
};

}  // namespace estiba::net
