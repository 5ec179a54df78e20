#pragma once
// The nf_tables messages Estiba needs (linux/netfilter/nf_tables.h), sent as one transaction: either all of it is in
// force afterwards or nothing changed.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "os/netlink.h"

namespace estiba::os {

// Registers of four bytes; a value of n bytes occupies (n + 3) / 4 of them from the one named. 0 to 15.
struct NftRegister {
  std::uint32_t index;
};

// A base chain's place; plain chains have none.
struct NftHook {
  std::string type;  // "filter", "nat"
  std::uint32_t hook = 0;  // NF_INET_…, NF_NETDEV_…
  std::int32_t priority = 0;
  bool drop_by_default = false;  // the policy
  std::string device = {};       // of the family netdev: the link it watches
};

struct NftSet {
  std::string name;
  std::uint32_t id = 0;         // unique in the transaction
  std::uint32_t key_type = 0;   // as nft(8) numbers types, so that `nft list` shows values readably
  std::uint32_t key_length = 0;
  bool interval = false;
  // For a map: the value's type and length.
  std::uint32_t data_type = 0;
  std::uint32_t data_length = 0;
  bool host_order_key = false;  // told to nft(8), which otherwise shows such keys reversed
};

struct NftElement {
  std::string key;
  std::string data;           // maps only
  bool interval_end = false;  // the first key after an interval
};

// A rule: expressions in order. Each loads registers, compares or acts; a comparison that fails ends the rule.
class NftRule {
 public:
  NftRule& Meta(std::uint32_t key, NftRegister to);
  NftRule& Payload(std::uint32_t base, std::uint32_t offset, std::uint32_t length, NftRegister to);
  // Writes the register's first `length` bytes there, and keeps the Internet checksum at `checksum` right.
  NftRule& StorePayload(std::uint32_t base, std::uint32_t offset, std::uint32_t length, std::uint32_t checksum,
                        NftRegister from);
  NftRule& Ct(std::uint32_t key, NftRegister to);
  NftRule& SetMeta(std::uint32_t key, NftRegister from);
  NftRule& SetCt(std::uint32_t key, NftRegister from);
  NftRule& FibDestinationType(NftRegister to);
  // What the routing table says: `result` NFT_FIB_RESULT_…, `flags` NFTA_FIB_F_…. An interface is 0 for "no route".
  NftRule& Fib(std::uint32_t result, std::uint32_t flags, NftRegister to);
  NftRule& Mask(NftRegister reg, std::string_view mask);
  NftRule& Equal(NftRegister reg, std::string_view bytes);
  NftRule& NotEqual(NftRegister reg, std::string_view bytes);
  // In the set (`invert`: not in it); with `data`, the map's value goes there.
  NftRule& Lookup(const std::string& set, std::uint32_t set_id, NftRegister key, bool invert = false);
  NftRule& LookupInto(const std::string& map, std::uint32_t set_id, NftRegister key, NftRegister data);
  // Loads a constant.
  NftRule& Load(NftRegister to, std::string_view bytes);
  NftRule& DestinationNat(NftRegister address, NftRegister port);
  // `family` NFPROTO_IPV4 or NFPROTO_IPV6: what the register holds.
  NftRule& DestinationNat(std::uint8_t family, NftRegister address, NftRegister port);
  // The packets of the connection leave with that address; ports stay as they are where they can.
  NftRule& SourceNat(std::uint8_t family, NftRegister address);
  // Goes on for `count` of `of` packets, chosen at random.
  NftRule& Chance(std::uint32_t count, std::uint32_t of, NftRegister scratch);
  NftRule& Masquerade();
  NftRule& Accept();
  NftRule& Drop();
  NftRule& Jump(const std::string& chain);
  // `meta nftrace set 1`: from here on what becomes of the packet is told (os/nft_trace.h).
  NftRule& Trace(NftRegister scratch);

 private:
  friend class NftBatch;
  NftRule& Compare(std::uint32_t operation, NftRegister reg, std::string_view bytes);
  NftRule& Verdict(std::int32_t code, const std::string& chain);
  struct Expression {
    std::string name;
    std::string attributes;
  };
  std::vector<Expression> expressions_;
};

// One transaction on the tables of one family.
class NftBatch {
 public:
  // `generation`: fails with ERESTART if the rule set has changed since it was read (NFNL_BATCH_GENID).
  explicit NftBatch(std::uint8_t family, std::optional<std::uint32_t> generation = std::nullopt);
  NftBatch& AddTable(const std::string& table);
  // A table that only the socket which sends the batch may change, and that dies with it (Linux 5.12). EEXIST when
  // there is one of that name.
  NftBatch& AddOwnedTable(const std::string& table);
  NftBatch& DeleteTable(const std::string& table);
  NftBatch& AddChain(const std::string& table, const std::string& chain,
                     const std::optional<NftHook>& hook = std::nullopt);
  // All rules of a chain; a chain that nobody jumps to and that has no rules (EBUSY).
  NftBatch& DeleteRules(const std::string& table, const std::string& chain);
  NftBatch& DeleteChain(const std::string& table, const std::string& chain);
  NftBatch& DeleteSet(const std::string& table, const std::string& set);
  NftBatch& AddSet(const std::string& table, const NftSet& set);
  NftBatch& AddRule(const std::string& table, const std::string& chain, const NftRule& rule);
  // An element that is already there with the same value is fine; with another value it is EBUSY.
  NftBatch& AddElements(const std::string& table, const std::string& set, const std::vector<NftElement>& elements);
  // An element that is not there is ENOENT.
  NftBatch& DeleteElements(const std::string& table, const std::string& set,
                           const std::vector<NftElement>& elements);
  // Sends it. The error has the errno of the first message refused.
  Status Commit(NetlinkSocket& socket, const std::string& what);
  // How many it adds.
  std::size_t rules() const { return rules_; }

 private:
  void Message(std::uint16_t type, std::uint16_t flags);
  void Elements(std::uint16_t type, std::uint16_t flags, const std::string& table, const std::string& set,
                const std::vector<NftElement>& elements);
  std::uint8_t family_;
  NetlinkBatch batch_;
  std::size_t rules_ = 0;
};

// The rule set's generation number (NFT_MSG_GETGEN).
Result<std::uint32_t> NftGeneration(NetlinkSocket& socket);
// True when the table has a chain of that name.
Result<bool> NftHasChain(NetlinkSocket& socket, std::uint8_t family, const std::string& table,
                         const std::string& chain);
// True when the set has that key.
Result<bool> NftHasElement(NetlinkSocket& socket, std::uint8_t family, const std::string& table,
                           const std::string& set, const std::string& key);
struct NftChain {
  std::uint8_t family = 0;
  std::string table;
  std::string name;
  std::optional<std::uint32_t> hook;    // base chains only
  std::optional<std::uint32_t> policy;  // NF_ACCEPT, NF_DROP
};
// All chains of all tables of a family (0: of every family).
Result<std::vector<NftChain>> NftListChains(NetlinkSocket& socket, std::uint8_t family);
// How many rules each chain of the table has; those without any are left out.
Result<std::map<std::string, std::size_t>> NftCountRules(NetlinkSocket& socket, std::uint8_t family,
                                                         const std::string& table);
// True when the last rule of the chain drops or rejects whatever comes there.
Result<bool> NftEndsInDrop(NetlinkSocket& socket, std::uint8_t family, const std::string& table,
                           const std::string& chain);
// The elements of a set; nothing when table or set is missing.
Result<std::vector<NftElement>> NftListElements(NetlinkSocket& socket, std::uint8_t family, const std::string& table,
                                                const std::string& set);
// Parses one NFT_MSG_NEWSETELEM answer (exposed for the fuzzer).
Result<std::vector<NftElement>> ParseNftElements(const NetlinkMessage& message);

}  // namespace estiba::os
