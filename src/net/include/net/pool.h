#pragma once
// Which subnets a network gets and which address a container gets. Pure values; the engine persists them.

#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "base/ip.h"

namespace estiba::net {

// Networks without a subnet of their own get the first free /size of `base`.
struct AddressPool {
  IpPrefix base;
  unsigned size = 0;
};
// Docker's: 172.17.0.0/16 to 172.31.0.0/16 as /16, then 192.168.0.0/16 as /20.
std::vector<AddressPool> DefaultPools();
// A pool is usable: size between the base's prefix and two bits less than an address.
Status CheckPool(const AddressPool& pool);
// "172.18.0.0/16", "fd00::/64"; host bits are cleared ("172.18.0.5/16" is the same subnet). Docker's "invalid CIDR
// address: x".
Result<IpPrefix> ParseSubnet(std::string_view text);
// The address after it; all ones are followed by the first address of the family.
Ip Next(const Ip& address);

// The first subnet of that family in the pools, in order, that overlaps nothing in `taken` (other networks, the host's
// routes).
Result<IpPrefix> ChooseSubnet(const std::vector<AddressPool>& pools, const std::vector<IpPrefix>& taken,
                              bool v6 = false);

// The addresses of one subnet of a network. The subnet's own address, IPv4's broadcast address and the gateway are
// never given out.
class AddressAllocator {
 public:
  AddressAllocator() = default;
  // `range`: where addresses are chosen from, the whole subnet if not given. `reserved`: never given out either.
  static Result<AddressAllocator> Create(const IpPrefix& subnet, std::optional<Ip> gateway = std::nullopt,
                                         std::optional<IpPrefix> range = std::nullopt,
                                         std::vector<Ip> reserved = {});
  const IpPrefix& subnet() const { return subnet_; }
  const Ip& gateway() const { return gateway_; }
  const std::set<Ip>& used() const { return used_; }
  // As many as a number holds: those that are given out or never will be, and those of the range that can be.
  struct Counts {
    std::uint64_t in_use = 0;
    std::uint64_t free = 0;
  };
  Counts Count() const;

  // The next free one after the last given, then from the start again: a released address rests, since the kernel takes
  // down the namespace that answered for it in its own time and neighbours remember it.
  // kResourceExhausted: "no available IPv4 addresses on this network's address pools".
  Result<Ip> Take();
  // That one: kInvalidArgument outside the subnet, kConflict "Address already in use".
  Status Take(const Ip& wanted);
  // `used` false: nobody has had it, so it need not rest.
  void Release(const Ip& address, bool used = true);

 private:
  bool Reserved(const Ip& address) const;
  std::optional<Ip> FirstFree(const Ip& from, const Ip& to) const;
  IpPrefix subnet_;
  IpPrefix range_;
  Ip gateway_;
  std::vector<Ip> reserved_;
  std::set<Ip> used_;
  std::optional<Ip> last_given_;
};

}  // namespace estiba::net
