// Which subnets a new network gets.

#include <algorithm>
#include <charconv>

#include "net/setup.h"
#include "network_drivers.h"
#include "networks.h"

namespace estiba::engine {
namespace {

Error Invalid(std::string what) { return Error(Code::kInvalidArgument, std::move(what)); }

const char* Family(bool v6) { return v6 ? "IPv6" : "IPv4"; }

// RFC 4193: fd, 40 bits that nobody else has, and 16 for subnets. The bits are those of an id that was made at random
// for this engine's data and stays.
Result<net::AddressPool> LocalPool(const std::string& id) {
  constexpr std::size_t kGlobalBytes = 5;
  net::AddressPool pool{{Ip{true, {0xfd}}, 48}, 64};
  if (id.size() < 2 * kGlobalBytes) return Error(Code::kInternal, "id '" + id + "' is too short");
  for (std::size_t i = 0; i < kGlobalBytes; ++i) {
    const char* digits = id.data() + 2 * i;
    if (std::from_chars(digits, digits + 2, pool.base.address.bytes[1 + i], 16).ptr != digits + 2)
      return Error(Code::kInternal, "id '" + id + "' is not made of hexadecimal digits");
  }
  return pool;
}

Result<NetworkPool> ReadPool(const PoolRequest& request, const IpPrefix& subnet) {
  NetworkPool pool;
  pool.subnet = subnet;
  pool.gateway = net::Next(subnet.address);
  if (!request.gateway.empty()) pool.gateway = TRY(ParseIp(request.gateway));
  if (!subnet.Contains(pool.gateway)) return Invalid("no matching subnet for gateway " + request.gateway);
  if (!request.range.empty()) {
    pool.range = TRY(net::ParseSubnet(request.range));
    if (!subnet.Contains(pool.range->address) || pool.range->length < subnet.length)
      return Invalid("no matching subnet for range " + request.range);
  }
  for (const auto& [name, text] : request.auxiliary) {
    const Ip address = TRY(ParseIp(text));
    if (!subnet.Contains(address)) return Invalid("no matching subnet for aux-address " + text);
    pool.auxiliary[name] = address;
  }
  return pool;
}

Error Overlaps() {
  return Error(Code::kPermissionDenied, "invalid pool request: Pool overlaps with other one on this address space");
}

// Of those that the same network is given.
Status CheckApart(const IpPrefix& subnet, const std::vector<NetworkPool>& others) {
  for (const NetworkPool& other : others)
    if (subnet.Overlaps(other.subnet)) return Overlaps();
  return Ok();
}

}  // namespace

Result<IpPrefix> Networks::ChooseSubnet(const std::string& wanted, bool v6) const {
  std::vector<IpPrefix> taken;
  for (const auto& network : List())
    for (const NetworkPool& pool : network->pools) taken.push_back(pool.subnet);
  if (!wanted.empty()) {
    const IpPrefix subnet = TRY(net::ParseSubnet(wanted));
    for (const IpPrefix& other : taken)
      if (subnet.Overlaps(other)) return Overlaps();
    return subnet;
  }
  auto routes = net::HostRoutes();
  if (routes.ok()) taken.insert(taken.end(), routes.value().begin(), routes.value().end());
  std::vector<net::AddressPool> pools = pools_;
  const bool given =
      std::ranges::any_of(pools, [&](const net::AddressPool& pool) { return pool.base.address.v6 == v6; });
  if (!given && v6) {
    const auto first = TRY(Get("bridge"));
    pools.push_back(TRY(LocalPool(first->id)));
  }
  return net::ChooseSubnet(pools, taken, v6);
}

Status Networks::ChoosePools(const CreateRequest& request, NetworkRecord& record) const {
  if (!record.ipv4 && !record.ipv6) return Invalid("IPv4 or IPv6 must be enabled");
  for (const bool v6 : {false, true}) {
    const bool enabled = v6 ? record.ipv6 : record.ipv4;
    std::size_t found = 0;
    for (const PoolRequest& one : request.pools) {
      // One without a subnet is of the family of its gateway or range, and IPv4 when it has nothing.
      const std::string& text = !one.subnet.empty() ? one.subnet : !one.range.empty() ? one.range : one.gateway;
      if (text.contains(':') != v6) continue;
      if (!enabled)
        return Invalid("invalid network config:\ninvalid subnet " + one.subnet + ": " + Family(v6) +
                       " has not been enabled for this network");
      if (++found > 1 && !SitsOnParent(record.driver))
        return Error(Code::kPermissionDenied, record.driver + " driver doesn't support multiple subnets");
      const IpPrefix subnet = TRY(ChooseSubnet(one.subnet, v6));
      TRY(CheckApart(subnet, record.pools));
      record.pools.push_back(TRY(ReadPool(one, subnet)));
    }
    if (!enabled || found != 0) continue;
    const IpPrefix subnet = TRY(ChooseSubnet("", v6));
    record.pools.push_back({subnet, net::Next(subnet.address), {}, {}});
  }
  return Ok();
}

}  // namespace estiba::engine
