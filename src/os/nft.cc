#include "os/nft.h"

#include <cassert>
#include <cerrno>
#include <cstring>

#include <endian.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>

namespace estiba::os {
namespace {

constexpr std::size_t kElementsPerMessage = 256;  // an attribute is at most 64 KiB long

template <typename T>
std::string_view AsBytes(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

// Appends one attribute to a string of attributes.
void Append(std::string& out, std::uint16_t type, std::string_view bytes) {
  const nlattr head{static_cast<std::uint16_t>(sizeof(nlattr) + bytes.size()), type};
  out.append(AsBytes(head)).append(bytes);
  out.resize((out.size() + 3) & ~std::size_t{3});
}

void AppendBe32(std::string& out, std::uint16_t type, std::uint32_t value) {
  const std::uint32_t big = htobe32(value);
  Append(out, type, AsBytes(big));
}

void AppendText(std::string& out, std::uint16_t type, const std::string& text) {
  Append(out, type, {text.c_str(), text.size() + 1});
}

// A value, as the inner attribute every data attribute has.
void AppendData(std::string& out, std::uint16_t type, std::string_view bytes) {
  std::string inner;
  Append(inner, NFTA_DATA_VALUE, bytes);
  Append(out, type | NLA_F_NESTED, inner);
}

std::uint32_t Number(NftRegister reg) {
  assert(reg.index < 16);
  return NFT_REG32_00 + reg.index;
}

constexpr std::uint16_t Type(int message) {
  return static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | message);
}

nfgenmsg Header(std::uint8_t family, std::uint16_t res_id = 0) { return {family, NFNETLINK_V0, htobe16(res_id)}; }

}  // namespace

NftRule& NftRule::Meta(std::uint32_t key, NftRegister to) {
  Expression e{"meta", {}};
  AppendBe32(e.attributes, NFTA_META_KEY, key);
  AppendBe32(e.attributes, NFTA_META_DREG, Number(to));
  expressions_.push_back(std::move(e));
  return *this;
}

NftRule& NftRule::Payload(std::uint32_t base, std::uint32_t offset, std::uint32_t length, NftRegister to) {
  Expression e{"payload", {}};
  AppendBe32(e.attributes, NFTA_PAYLOAD_DREG, Number(to));
  AppendBe32(e.attributes, NFTA_PAYLOAD_BASE, base);
  AppendBe32(e.attributes, NFTA_PAYLOAD_OFFSET, offset);
  AppendBe32(e.attributes, NFTA_PAYLOAD_LEN, length);
  expressions_.push_back(std::move(e));
  return *this;
}

NftRule& NftRule::StorePayload(std::uint32_t base, std::uint32_t offset, std::uint32_t length, std::uint32_t checksum,
                               NftRegister from) {
  Expression e{"payload", {}};
  AppendBe32(e.attributes, NFTA_PAYLOAD_SREG, Number(from));
  AppendBe32(e.attributes, NFTA_PAYLOAD_BASE, base);
  AppendBe32(e.attributes, NFTA_PAYLOAD_OFFSET, offset);
  AppendBe32(e.attributes, NFTA_PAYLOAD_LEN, length);
  AppendBe32(e.attributes, NFTA_PAYLOAD_CSUM_TYPE, NFT_PAYLOAD_CSUM_INET);
  AppendBe32(e.attributes, NFTA_PAYLOAD_CSUM_OFFSET, checksum);
  expressions_.push_back(std::move(e));
  return *this;
}

NftRule& NftRule::Ct(std::uint32_t key, NftRegister to) {
  Expression e{"ct", {}};
  AppendBe32(e.attributes, NFTA_CT_KEY, key);
  AppendBe32(e.attributes, NFTA_CT_DREG, Number(to));
  expressions_.push_back(std::move(e));
  return *this;
}

NftRule& NftRule::SetMeta(std::uint32_t key, NftRegister from) {
  Expression e{"meta", {}};
  AppendBe32(e.attributes, NFTA_META_KEY, key);
  AppendBe32(e.attributes, NFTA_META_SREG, Number(from));
  expressions_.push_back(std::move(e));
  return *this;
}

NftRule& NftRule::SetCt(std::uint32_t key, NftRegister from) {
  Expression e{"ct", {}};
  AppendBe32(e.attributes, NFTA_CT_KEY, key);
  AppendBe32(e.attributes, NFTA_CT_SREG, Number(from));
  expressions_.push_back(std::move(e));
  return *this;
}

NftRule& NftRule::FibDestinationType(NftRegister to) { return Fib(NFT_FIB_RESULT_ADDRTYPE, NFTA_FIB_F_DADDR, to); }

NftRule& NftRule::Fib(std::uint32_t result, std::uint32_t flags, NftRegister to) {
  Expression e{"fib", {}};
  AppendBe32(e.attributes, NFTA_FIB_DREG, Number(to));
  AppendBe32(e.attributes, NFTA_FIB_RESULT, result);
  AppendBe32(e.attributes, NFTA_FIB_FLAGS, flags);
  expressions_.push_back(std::move(e));
  return *this;
}

NftRule& NftRule::Mask(NftRegister reg, std::string_view mask) {
  Expression e{"bitwise", {}};
  AppendBe32(e.attributes, NFTA_BITWISE_SREG, Number(reg));
  AppendBe32(e.attributes, NFTA_BITWISE_DREG, Number(reg));
  AppendBe32(e.attributes, NFTA_BITWISE_LEN, static_cast<std::uint32_t>(mask.size()));
  AppendData(e.attributes, NFTA_BITWISE_MASK, mask);
  AppendData(e.attributes, NFTA_BITWISE_XOR, std::string(mask.size(), '\0'));
  expressions_.push_back(std::move(e));
  return *this;
}

NftRule& NftRule::Compare(std::uint32_t operation, NftRegister reg, std::string_view bytes) {
  Expression e{"cmp", {}};
  AppendBe32(e.attributes, NFTA_CMP_SREG, Number(reg));
  AppendBe32(e.attributes, NFTA_CMP_OP, operation);
  AppendData(e.attributes, NFTA_CMP_DATA, bytes);
  expressions_.push_back(std::move(e));
  return *this;
}

NftRule& NftRule::Equal(NftRegister reg, std::string_view bytes) { return Compare(NFT_CMP_EQ, reg, bytes); }
NftRule& NftRule::NotEqual(NftRegister reg, std::string_view bytes) { return Compare(NFT_CMP_NEQ, reg, bytes); }

NftRule& NftRule::Lookup(const std::string& set, std::uint32_t set_id, NftRegister key, bool invert) {
  Expression e{"lookup", {}};
  AppendText(e.attributes, NFTA_LOOKUP_SET, set);
  AppendBe32(e.attributes, NFTA_LOOKUP_SREG, Number(key));
  AppendBe32(e.attributes, NFTA_LOOKUP_SET_ID, set_id);
  if (invert) AppendBe32(e.attributes, NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
  expressions_.push_back(std::move(e));
  return *this;
}

NftRule& NftRule::LookupInto(const std::string& map, std::uint32_t set_id, NftRegister key, NftRegister data) {
  Expression e{"lookup", {}};
  AppendText(e.attributes, NFTA_LOOKUP_SET, map);
  AppendBe32(e.attributes, NFTA_LOOKUP_SREG, Number(key));
  AppendBe32(e.attributes, NFTA_LOOKUP_DREG, Number(data));
  AppendBe32(e.attributes, NFTA_LOOKUP_SET_ID, set_id);
  expressions_.push_back(std::move(e));
  return *this;
}

NftRule& NftRule::Load(NftRegister to, std::string_view bytes) {
  std::string data;
  Append(data, NFTA_DATA_VALUE, bytes);
  Expression e{"immediate", {}};
  AppendBe32(e.attributes, NFTA_IMMEDIATE_DREG, Number(to));
  Append(e.attributes, NFTA_IMMEDIATE_DATA | NLA_F_NESTED, data);
  expressions_.push_back(std::move(e));
  return *this;
}

NftRule& NftRule::DestinationNat(NftRegister address, NftRegister port) {
  return DestinationNat(NFPROTO_IPV4, address, port);
}

NftRule& NftRule::DestinationNat(std::uint8_t family, NftRegister address, NftRegister port) {
  Expression e{"nat", {}};
  AppendBe32(e.attributes, NFTA_NAT_TYPE, NFT_NAT_DNAT);
  AppendBe32(e.attributes, NFTA_NAT_FAMILY, family);
  AppendBe32(e.attributes, NFTA_NAT_REG_ADDR_MIN, Number(address));
  AppendBe32(e.attributes, NFTA_NAT_REG_PROTO_MIN, Number(port));
  expressions_.push_back(std::move(e));
  return *this;
}

NftRule& NftRule::SourceNat(std::uint8_t family, NftRegister address) {
  Expression e{"nat", {}};
  AppendBe32(e.attributes, NFTA_NAT_TYPE, NFT_NAT_SNAT);
  AppendBe32(e.attributes, NFTA_NAT_FAMILY, family);
  AppendBe32(e.attributes, NFTA_NAT_REG_ADDR_MIN, Number(address));
  expressions_.push_back(std::move(e));
  return *this;
}

// As nft(8) writes "numgen random mod OF < COUNT": numbers are compared in the order of the wire.
NftRule& NftRule::Chance(std::uint32_t count, std::uint32_t of, NftRegister scratch) {
  Expression number{"numgen", {}};
  AppendBe32(number.attributes, NFTA_NG_DREG, Number(scratch));
  AppendBe32(number.attributes, NFTA_NG_MODULUS, of);
  AppendBe32(number.attributes, NFTA_NG_TYPE, NFT_NG_RANDOM);
  AppendBe32(number.attributes, NFTA_NG_OFFSET, 0);
  Expression order{"byteorder", {}};
  AppendBe32(order.attributes, NFTA_BYTEORDER_SREG, Number(scratch));
  AppendBe32(order.attributes, NFTA_BYTEORDER_DREG, Number(scratch));
  AppendBe32(order.attributes, NFTA_BYTEORDER_OP, NFT_BYTEORDER_HTON);
  AppendBe32(order.attributes, NFTA_BYTEORDER_LEN, 4);
  AppendBe32(order.attributes, NFTA_BYTEORDER_SIZE, 4);
  expressions_.push_back(std::move(number));
  expressions_.push_back(std::move(order));
  const std::uint32_t limit = htobe32(count);
  return Compare(NFT_CMP_LT, scratch, AsBytes(limit));
}

NftRule& NftRule::Masquerade() {
  expressions_.push_back({"masq", {}});
  return *this;
}

NftRule& NftRule::Verdict(std::int32_t code, const std::string& chain) {
  std::string verdict;
  AppendBe32(verdict, NFTA_VERDICT_CODE, static_cast<std::uint32_t>(code));
  if (!chain.empty()) AppendText(verdict, NFTA_VERDICT_CHAIN, chain);
  std::string data;
  Append(data, NFTA_DATA_VERDICT | NLA_F_NESTED, verdict);
  Expression e{"immediate", {}};
  AppendBe32(e.attributes, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
  Append(e.attributes, NFTA_IMMEDIATE_DATA | NLA_F_NESTED, data);
  expressions_.push_back(std::move(e));
  return *this;
}

NftRule& NftRule::Accept() { return Verdict(NF_ACCEPT, {}); }
NftRule& NftRule::Drop() { return Verdict(NF_DROP, {}); }
NftRule& NftRule::Jump(const std::string& chain) { return Verdict(NFT_JUMP, chain); }

NftRule& NftRule::Trace(NftRegister scratch) {
  return Load(scratch, std::string_view("\1", 1)).SetMeta(NFT_META_NFTRACE, scratch);
}

NftBatch::NftBatch(std::uint8_t family, std::optional<std::uint32_t> generation) : family_(family) {
  batch_.Begin(NFNL_MSG_BATCH_BEGIN, 0, Header(AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
  if (generation) batch_.PutBe32(NFNL_BATCH_GENID, *generation);
}

void NftBatch::Message(std::uint16_t type, std::uint16_t flags) { batch_.Begin(type, flags, Header(family_)); }

NftBatch& NftBatch::AddTable(const std::string& table) {
  Message(Type(NFT_MSG_NEWTABLE), NLM_F_CREATE);
  batch_.PutString(NFTA_TABLE_NAME, table);
  return *this;
}

NftBatch& NftBatch::AddOwnedTable(const std::string& table) {
  Message(Type(NFT_MSG_NEWTABLE), NLM_F_CREATE | NLM_F_EXCL);
  batch_.PutString(NFTA_TABLE_NAME, table);
  batch_.PutBe32(NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER);
  return *this;
}

NftBatch& NftBatch::DeleteTable(const std::string& table) {
  Message(Type(NFT_MSG_DELTABLE), 0);
  batch_.PutString(NFTA_TABLE_NAME, table);
  return *this;
}

NftBatch& NftBatch::AddChain(const std::string& table, const std::string& chain, const std::optional<NftHook>& hook) {
  Message(Type(NFT_MSG_NEWCHAIN), NLM_F_CREATE);
  batch_.PutString(NFTA_CHAIN_TABLE, table);
  batch_.PutString(NFTA_CHAIN_NAME, chain);
  if (!hook) return *this;
  batch_.BeginNest(NFTA_CHAIN_HOOK);
  batch_.PutBe32(NFTA_HOOK_HOOKNUM, hook->hook);
  batch_.PutBe32(NFTA_HOOK_PRIORITY, static_cast<std::uint32_t>(hook->priority));
  if (!hook->device.empty()) batch_.PutString(NFTA_HOOK_DEV, hook->device);
  batch_.EndNest();
  batch_.PutBe32(NFTA_CHAIN_POLICY, hook->drop_by_default ? NF_DROP : NF_ACCEPT);
  batch_.PutString(NFTA_CHAIN_TYPE, hook->type);
  return *this;
}

NftBatch& NftBatch::DeleteRules(const std::string& table, const std::string& chain) {
  Message(Type(NFT_MSG_DELRULE), 0);
  batch_.PutString(NFTA_RULE_TABLE, table);
  batch_.PutString(NFTA_RULE_CHAIN, chain);
  return *this;
}

NftBatch& NftBatch::DeleteChain(const std::string& table, const std::string& chain) {
  Message(Type(NFT_MSG_DELCHAIN), NLM_F_NONREC);
  batch_.PutString(NFTA_CHAIN_TABLE, table);
  batch_.PutString(NFTA_CHAIN_NAME, chain);
  return *this;
}

NftBatch& NftBatch::DeleteSet(const std::string& table, const std::string& set) {
  Message(Type(NFT_MSG_DELSET), 0);
  batch_.PutString(NFTA_SET_TABLE, table);
  batch_.PutString(NFTA_SET_NAME, set);
  return *this;
}

NftBatch& NftBatch::AddSet(const std::string& table, const NftSet& set) {
  Message(Type(NFT_MSG_NEWSET), NLM_F_CREATE);
  batch_.PutString(NFTA_SET_TABLE, table);
  batch_.PutString(NFTA_SET_NAME, set.name);
  std::uint32_t flags = 0;
  if (set.interval) flags |= NFT_SET_INTERVAL;
  if (set.data_length != 0) flags |= NFT_SET_MAP;
  batch_.PutBe32(NFTA_SET_FLAGS, flags);
  batch_.PutBe32(NFTA_SET_KEY_TYPE, set.key_type);
  batch_.PutBe32(NFTA_SET_KEY_LEN, set.key_length);
  if (set.data_length != 0) {
    batch_.PutBe32(NFTA_SET_DATA_TYPE, set.data_type);
    batch_.PutBe32(NFTA_SET_DATA_LEN, set.data_length);
  }
  batch_.PutBe32(NFTA_SET_ID, set.id);
  // nft's own note in the set: key byte order (type 0, four bytes) is the host's (1).
  if (set.host_order_key) batch_.Put(NFTA_SET_USERDATA, std::string_view("\0\4\1\0\0\0", 6));
  return *this;
}

NftBatch& NftBatch::AddRule(const std::string& table, const std::string& chain, const NftRule& rule) {
  ++rules_;
  Message(Type(NFT_MSG_NEWRULE), NLM_F_CREATE | NLM_F_APPEND);
  batch_.PutString(NFTA_RULE_TABLE, table);
  batch_.PutString(NFTA_RULE_CHAIN, chain);
  batch_.BeginNest(NFTA_RULE_EXPRESSIONS);
  for (const NftRule::Expression& expression : rule.expressions_) {
    batch_.BeginNest(NFTA_LIST_ELEM);
    batch_.PutString(NFTA_EXPR_NAME, expression.name);
    batch_.BeginNest(NFTA_EXPR_DATA, expression.attributes);
    batch_.EndNest();
    batch_.EndNest();
  }
  batch_.EndNest();
  return *this;
}

void NftBatch::Elements(std::uint16_t type, std::uint16_t flags, const std::string& table, const std::string& set,
                        const std::vector<NftElement>& elements) {
  for (std::size_t at = 0; at < elements.size(); at += kElementsPerMessage) {
    Message(type, flags);
    batch_.PutString(NFTA_SET_ELEM_LIST_TABLE, table);
    batch_.PutString(NFTA_SET_ELEM_LIST_SET, set);
    batch_.BeginNest(NFTA_SET_ELEM_LIST_ELEMENTS);
    for (std::size_t i = at; i < std::min(at + kElementsPerMessage, elements.size()); ++i) {
      const NftElement& element = elements[i];
      std::string attributes;
      if (element.interval_end) AppendBe32(attributes, NFTA_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
      AppendData(attributes, NFTA_SET_ELEM_KEY, element.key);
      if (!element.data.empty()) AppendData(attributes, NFTA_SET_ELEM_DATA, element.data);
      batch_.BeginNest(NFTA_LIST_ELEM, attributes);
      batch_.EndNest();
    }
    batch_.EndNest();
  }
}

NftBatch& NftBatch::AddElements(const std::string& table, const std::string& set,
                                const std::vector<NftElement>& elements) {
  Elements(Type(NFT_MSG_NEWSETELEM), NLM_F_CREATE, table, set, elements);
  return *this;
}

NftBatch& NftBatch::DeleteElements(const std::string& table, const std::string& set,
                                   const std::vector<NftElement>& elements) {
  Elements(Type(NFT_MSG_DELSETELEM), 0, table, set, elements);
  return *this;
}

Status NftBatch::Commit(NetlinkSocket& socket, const std::string& what) {
  if (batch_.count() < 2) return Ok();
  // One acknowledgement, of the last message, comes when all of it is in force (kernels before 6.10 answer no
  // NLM_F_ACK on the batch's end itself).
  batch_.AskAcknowledgement();
  batch_.Begin(NFNL_MSG_BATCH_END, 0, Header(AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
  const std::vector<NetlinkAck> acks = TRY_CTX(socket.Transact(batch_), what);
  for (const NetlinkAck& ack : acks)
    if (ack.errnum != 0) return Error::Errno(ack.errnum, ack.text.empty() ? what : what + ": " + ack.text);
  return Ok();
}

Result<std::uint32_t> NftGeneration(NetlinkSocket& socket) {
  NetlinkBatch request;
  request.Begin(Type(NFT_MSG_GETGEN), 0, Header(AF_UNSPEC));
  const std::vector<std::string> answers = TRY(socket.Ask(request, "read the nf_tables generation"));
  for (const std::string& bytes : answers) {
    NetlinkMessages messages(bytes);
    const auto message = messages.Next();
    if (!message || message->type != Type(NFT_MSG_NEWGEN)) continue;
    const auto id = NetlinkAttributes::Find(message->AttributesAfter(sizeof(nfgenmsg)), NFTA_GEN_ID);
    if (id && id->Be32()) return *id->Be32();
  }
  return Error(Code::kDataLoss, "read the nf_tables generation: no number in the answer");
}

Result<bool> NftHasChain(NetlinkSocket& socket, std::uint8_t family, const std::string& table,
                         const std::string& chain) {
  NetlinkBatch request;
  request.Begin(Type(NFT_MSG_GETCHAIN), 0, Header(family));
  request.PutString(NFTA_CHAIN_TABLE, table);
  request.PutString(NFTA_CHAIN_NAME, chain);
  const auto answer = socket.Ask(request, "look for nft chain '" + chain + "' in table '" + table + "'");
  if (answer.ok()) return true;
  if (answer.error().errnum() == ENOENT) return false;
  return answer.error().Clone();
}

Result<bool> NftHasElement(NetlinkSocket& socket, std::uint8_t family, const std::string& table,
                           const std::string& set, const std::string& key) {
  NetlinkBatch request;
  request.Begin(Type(NFT_MSG_GETSETELEM), 0, Header(family));
  request.PutString(NFTA_SET_ELEM_LIST_TABLE, table);
  request.PutString(NFTA_SET_ELEM_LIST_SET, set);
  std::string attributes;
  AppendData(attributes, NFTA_SET_ELEM_KEY, key);
  request.BeginNest(NFTA_SET_ELEM_LIST_ELEMENTS);
  request.BeginNest(NFTA_LIST_ELEM, attributes);
  request.EndNest();
  request.EndNest();
  const auto answer = socket.Ask(request, "look into nft set '" + set + "' of table '" + table + "'");
  if (answer.ok()) return true;
  if (answer.error().errnum() == ENOENT) return false;
  return answer.error().Clone();
}

namespace {

std::optional<NftChain> ParseChain(const NetlinkMessage& message) {
  const auto header = message.As<nfgenmsg>();
  if (message.type != Type(NFT_MSG_NEWCHAIN) || !header) return std::nullopt;
  NftChain chain;
  chain.family = header->nfgen_family;
  NetlinkAttributes attributes(message.AttributesAfter(sizeof(nfgenmsg)));
  while (const auto attribute = attributes.Next()) {
    if (attribute->type == NFTA_CHAIN_TABLE) chain.table = attribute->Text();
    if (attribute->type == NFTA_CHAIN_NAME) chain.name = attribute->Text();
    if (attribute->type == NFTA_CHAIN_POLICY) chain.policy = attribute->Be32();
    if (attribute->type != NFTA_CHAIN_HOOK) continue;
    if (const auto hook = NetlinkAttributes::Find(attribute->bytes, NFTA_HOOK_HOOKNUM)) chain.hook = hook->Be32();
  }
  return chain;
}

}  // namespace

Result<std::vector<NftChain>> NftListChains(NetlinkSocket& socket, std::uint8_t family) {
  NetlinkBatch request;
  request.Begin(Type(NFT_MSG_GETCHAIN), NLM_F_DUMP, Header(family));
  const std::vector<std::string> answers = TRY(socket.Ask(request, "list nft chains"));
  std::vector<NftChain> chains;
  for (const std::string& bytes : answers) {
    const auto message = NetlinkMessages(bytes).Next();
    if (auto chain = message ? ParseChain(*message) : std::nullopt) chains.push_back(std::move(*chain));
  }
  return chains;
}

Result<std::vector<NftElement>> ParseNftElements(const NetlinkMessage& message) {
  std::vector<NftElement> elements;
  if (message.type != Type(NFT_MSG_NEWSETELEM)) return elements;
  const auto list = NetlinkAttributes::Find(message.AttributesAfter(sizeof(nfgenmsg)), NFTA_SET_ELEM_LIST_ELEMENTS);
  if (!list) return elements;
  NetlinkAttributes each(list->bytes);
  while (const auto item = each.Next()) {
    NftElement element;
    const auto value = [&](std::uint16_t type) -> std::string {
      const auto data = NetlinkAttributes::Find(item->bytes, type);
      const auto inner = data ? NetlinkAttributes::Find(data->bytes, NFTA_DATA_VALUE) : std::nullopt;
      return inner ? std::string(inner->bytes) : std::string();
    };
    element.key = value(NFTA_SET_ELEM_KEY);
    element.data = value(NFTA_SET_ELEM_DATA);
    if (const auto flags = NetlinkAttributes::Find(item->bytes, NFTA_SET_ELEM_FLAGS))
      element.interval_end = (flags->Be32().value_or(0) & NFT_SET_ELEM_INTERVAL_END) != 0;
    if (!element.key.empty()) elements.push_back(std::move(element));
  }
  if (each.malformed()) return Error(Code::kDataLoss, "malformed list of nft elements");
  return elements;
}

Result<std::vector<NftElement>> NftListElements(NetlinkSocket& socket, std::uint8_t family, const std::string& table,
                                                const std::string& set) {
  NetlinkBatch request;
  request.Begin(Type(NFT_MSG_GETSETELEM), NLM_F_DUMP, Header(family));
  request.PutString(NFTA_SET_ELEM_LIST_TABLE, table);
  request.PutString(NFTA_SET_ELEM_LIST_SET, set);
  auto answers = socket.Ask(request, "list nft set '" + set + "' of table '" + table + "'");
  std::vector<NftElement> elements;
  if (!answers.ok() && answers.error().errnum() == ENOENT) return elements;
  if (!answers.ok()) return std::move(answers).error();
  for (const std::string& bytes : answers.value()) {
    NetlinkMessages messages(bytes);
    const auto message = messages.Next();
    if (!message) continue;
    for (NftElement& element : TRY(ParseNftElements(*message))) elements.push_back(std::move(element));
  }
  return elements;
}

}  // namespace estiba::os
