#include "rule_text.h"

#include <array>
#include <cstring>
#include <map>

// Before the kernel's headers, which leave out what it has declared.
#include <netinet/in.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>

#include "base/text.h"

namespace estiba::nettrace {
namespace {

constexpr unsigned kUserComment = 0;  // the type of nft's own note in a rule

std::optional<os::NetlinkAttribute> Find(std::string_view attributes, std::uint16_t type) {
  return os::NetlinkAttributes::Find(attributes, type);
}
std::uint32_t Number(std::string_view attributes, std::uint16_t type) {
  const auto found = Find(attributes, type);
  return found ? found->Be32().value_or(0) : 0;
}
std::string Data(std::string_view attributes, std::uint16_t type) {
  const auto nest = Find(attributes, type);
  const auto value = nest ? Find(nest->bytes, NFTA_DATA_VALUE) : std::nullopt;
  return value ? std::string(value->bytes) : "";
}

// NFT_REG_1 to 4 are the first of four each.
unsigned Register(std::uint32_t number) {
  return number >= NFT_REG32_00 ? number - NFT_REG32_00 : (number == 0 ? 0 : (number - 1) * 4);
}

std::string VerdictText(std::string_view verdict) {
  const auto chain = Find(verdict, NFTA_VERDICT_CHAIN);
  const std::string target(chain ? " " + std::string(chain->Text()) : "");
  switch (static_cast<std::int32_t>(Number(verdict, NFTA_VERDICT_CODE))) {
    case NF_ACCEPT: return "accept";
    case NF_DROP: return "drop";
    case NFT_JUMP: return "jump" + target;
    case NFT_GOTO: return "goto" + target;
    case NFT_RETURN: return "return";
    case NFT_CONTINUE: return "continue";
    default: return "verdict " + std::to_string(static_cast<std::int32_t>(Number(verdict, NFTA_VERDICT_CODE)));
  }
}

const char* Comparison(std::uint32_t operation) {
  switch (operation) {
    case NFT_CMP_NEQ: return "!= ";
    case NFT_CMP_LT: return "< ";
    case NFT_CMP_LTE: return "<= ";
    case NFT_CMP_GT: return "> ";
    case NFT_CMP_GTE: return ">= ";
    default: return "";
  }
}

// Goes through a rule's expressions, and keeps what each register holds.
class Writer {
 public:
  explicit Writer(unsigned family) : family_(family) {}
  void Add(const std::string& name, std::string_view attributes) {
    if (name == "meta" || name == "ct") return Load(name, attributes);
    if (name == "payload") return Payload(attributes);
    if (name == "fib") return Fib(attributes);
    if (name == "immediate") return Immediate(attributes);
    if (name == "bitwise") return Bitwise(attributes);
    if (name == "cmp") return Compare(attributes);
    if (name == "range") return Range(attributes);
    if (name == "lookup") return LookUp(attributes);
    if (name == "nat") return Nat(attributes);
    if (name == "match") return Say(DescribeXtMatch(attributes));
    if (name == "target") return Target(attributes);
    if (name == "byteorder") return;
    if (name == "masq") return Say("masquerade");
    if (name == "redir") return Say("redirect");
    const bool plain = name == "counter" || name == "log" || name == "reject" || name == "notrack" || name == "limit";
    Say(plain ? name : "[" + name + "]");
  }
  std::string Text() {
    Say("");
    return Join(parts_, " ");
  }
  // What only says which header comes next is left out before that header, as nft does.
  void Say(std::string part) {
    if (!implied_.empty() && !part.starts_with(TransportName(protocol_) + " ")) parts_.push_back(implied_);
    implied_.clear();
    if (!part.empty()) parts_.push_back(std::move(part));
  }

 private:
  void Load(const std::string& name, std::string_view attributes) {
    const bool meta = name == "meta";
    const auto from = static_cast<std::uint16_t>(meta ? int{NFTA_META_SREG} : int{NFTA_CT_SREG});
    const auto to = static_cast<std::uint16_t>(meta ? int{NFTA_META_DREG} : int{NFTA_CT_DREG});
    const Loaded what = meta ? DescribeMeta(attributes) : DescribeCt(attributes);
    if (const auto source = Find(attributes, from))  // it is set
      return Say(what.name + " set " + FormatValue(what, constants_[Register(source->Be32().value_or(0))]));
    registers_[Register(Number(attributes, to))] = what;
  }
  void Payload(std::string_view attributes) {
    if (Find(attributes, NFTA_PAYLOAD_SREG)) return Say("[payload set]");
    registers_[Register(Number(attributes, NFTA_PAYLOAD_DREG))] = DescribePayload(attributes, protocol_, family_);
  }
  void Fib(std::string_view attributes) {
    const bool type = Number(attributes, NFTA_FIB_RESULT) == NFT_FIB_RESULT_ADDRTYPE;
    const bool to = (Number(attributes, NFTA_FIB_FLAGS) & NFTA_FIB_F_DADDR) != 0;
    registers_[Register(Number(attributes, NFTA_FIB_DREG))] =
        Loaded{std::string("fib ") + (to ? "daddr" : "saddr") + (type ? " type" : " oif"), ValueKind::kHostNumber};
  }
  void Immediate(std::string_view attributes) {
    const auto data = Find(attributes, NFTA_IMMEDIATE_DATA);
    const auto verdict = data ? Find(data->bytes, NFTA_DATA_VERDICT) : std::nullopt;
    if (verdict) return Say(VerdictText(verdict->bytes));
    const unsigned reg = Register(Number(attributes, NFTA_IMMEDIATE_DREG));
    constants_[reg] = Data(attributes, NFTA_IMMEDIATE_DATA);
    registers_.erase(reg);
  }
  void Bitwise(std::string_view attributes) {
    const auto from = registers_.find(Register(Number(attributes, NFTA_BITWISE_SREG)));
    if (from == registers_.end()) return;
    Loaded masked = from->second;
    masked.mask = Data(attributes, NFTA_BITWISE_MASK);
    registers_[Register(Number(attributes, NFTA_BITWISE_DREG))] = masked;
  }
  void Compare(std::string_view attributes) {
    const Loaded what = registers_[Register(Number(attributes, NFTA_CMP_SREG))];
    const std::uint32_t operation = Number(attributes, NFTA_CMP_OP);
    const std::string value = Data(attributes, NFTA_CMP_DATA);
    Remember(what.name, operation, value);
    if (what.name == "fib daddr type" && value == std::string_view("\2\0\0\0", 4))
      return Say("fib daddr type " + std::string(Comparison(operation)) + "local");
    // "(ct state & mask) != 0" is how "ct state WORDS" is asked.
    const bool flags = what.kind == ValueKind::kFlags && !what.mask.empty();
    const bool zero = value.find_first_not_of('\0') == std::string::npos;
    if (flags && zero)
      return Say(what.name + (operation == NFT_CMP_EQ ? " != " : " ") + FormatValue(what, what.mask));
    const std::string text = what.name + " " + Comparison(operation) + FormatValue(what, value);
    Say(what.name == "meta l4proto" ? "" : text);
    if (what.name == "meta l4proto") implied_ = text;
  }
  // What is compared first tells how later headers read.
  void Remember(const std::string& name, std::uint32_t operation, const std::string& value) {
    if (operation != NFT_CMP_EQ || value.empty()) return;
    const auto number = static_cast<unsigned char>(value[0]);
    if (name == "meta l4proto" || name == "ip protocol" || name == "ip6 nexthdr") protocol_ = number;
    if (name == "meta nfproto") family_ = number;
    if (name == "meta protocol" && value.size() >= 2)
      family_ = value.substr(0, 2) == "\x86\xdd" ? AF_INET6 : AF_INET;
  }
  void Range(std::string_view attributes) {
    const Loaded what = registers_[Register(Number(attributes, NFTA_RANGE_SREG))];
    Say(what.name + (Number(attributes, NFTA_RANGE_OP) == NFT_RANGE_NEQ ? " != " : " ") +
        FormatValue(what, Data(attributes, NFTA_RANGE_FROM_DATA)) + "-" +
        FormatValue(what, Data(attributes, NFTA_RANGE_TO_DATA)));
  }
  // The registers from `first` on that hold something, in a row.
  std::string Concatenated(unsigned first) const {
    std::vector<std::string> names;
    for (auto at = registers_.find(first); at != registers_.end();
         at = registers_.find(at->first + at->second.registers))
      names.push_back(at->second.name);
    return Join(names, " . ");
  }
  void LookUp(std::string_view attributes) {
    const auto set = Find(attributes, NFTA_LOOKUP_SET);
    const std::string name = "@" + std::string(set ? set->Text() : "?");
    const std::string key = Concatenated(Register(Number(attributes, NFTA_LOOKUP_SREG)));
    const bool inverted = (Number(attributes, NFTA_LOOKUP_FLAGS) & NFT_LOOKUP_F_INV) != 0;
    const auto to = Find(attributes, NFTA_LOOKUP_DREG);
    if (!to) return Say(key + (inverted ? " != " : " ") + name);
    if (to->Be32() == NFT_REG_VERDICT) return Say(key + " vmap " + name);
    registers_.clear();
    registers_[Register(to->Be32().value_or(0))] = Loaded{key + " map " + name, ValueKind::kBytes};
  }
  std::string Target(std::uint32_t reg, ValueKind kind) {
    if (const auto found = registers_.find(reg); found != registers_.end()) return found->second.name;
    return FormatValue({"", kind, 1}, constants_[reg]);
  }
  void Nat(std::string_view attributes) {
    std::string text = Number(attributes, NFTA_NAT_TYPE) == NFT_NAT_DNAT ? "dnat to" : "snat to";
    const auto address = Find(attributes, NFTA_NAT_REG_ADDR_MIN), port = Find(attributes, NFTA_NAT_REG_PROTO_MIN);
    std::string where;
    if (address) where = Target(Register(address->Be32().value_or(0)), ValueKind::kAddress);
    if (port && (!address || registers_.empty()))
      where += ":" + Target(Register(port->Be32().value_or(0)), ValueKind::kNumber);
    Say(text + " " + where);
  }
  void Target(std::string_view attributes) {
    const auto name = Find(attributes, NFTA_TARGET_NAME);
    Say("[xt " + std::string(name ? name->Text() : "?") + "]");
  }

  std::vector<std::string> parts_;
  std::string implied_;
  std::map<unsigned, Loaded> registers_;
  std::map<unsigned, std::string> constants_;
  unsigned protocol_ = 0, family_;
};

// A list of type, length, bytes.
std::string CommentIn(std::string_view bytes) {
  while (bytes.size() >= 2) {
    const auto type = static_cast<unsigned char>(bytes[0]), length = static_cast<unsigned char>(bytes[1]);
    if (bytes.size() < 2U + length) return "";
    const std::string_view value = bytes.substr(2, length);
    if (type == kUserComment) return std::string(value.substr(0, value.find('\0')));
    bytes.remove_prefix(2U + length);
  }
  return "";
}

}  // namespace

std::string RuleText(const os::NetlinkMessage& message) {
  const auto attributes = message.AttributesAfter(sizeof(nfgenmsg));
  const auto header = message.As<nfgenmsg>();
  Writer writer(header && header->nfgen_family == NFPROTO_IPV6 ? AF_INET6 : AF_INET);
  if (const auto list = Find(attributes, NFTA_RULE_EXPRESSIONS)) {
    os::NetlinkAttributes each(list->bytes);
    while (const auto item = each.Next()) {
      const auto name = Find(item->bytes, NFTA_EXPR_NAME);
      const auto data = Find(item->bytes, NFTA_EXPR_DATA);
      if (name) writer.Add(std::string(name->Text()), data ? data->bytes : std::string_view());
    }
  }
  if (const auto note = Find(attributes, NFTA_RULE_USERDATA))
    if (const std::string comment = CommentIn(note->bytes); !comment.empty())
      writer.Say("comment \"" + comment + "\"");
  return writer.Text();
}

}  // namespace estiba::nettrace
