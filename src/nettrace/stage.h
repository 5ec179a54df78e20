#pragma once
// What nf_tables told of our packet in one namespace, read as hops and an end. Pure.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "nettrace/trace.h"
#include "os/nft.h"
#include "os/nft_trace.h"
#include "probe.h"

namespace estiba::nettrace {

// Who ended it.
struct Dropper {
  std::uint8_t family = 0;
  std::string table, chain;
  std::string hook;  // "forward"
  std::string rule;  // "" for a chain's policy
  std::uint64_t handle = 0;
  // "rule 'tcp dport 80 drop' (handle 4) of chain FORWARD in table ip filter".
  std::string Text() const;
};

struct Stage {
  enum class End : unsigned char { kSilent, kDropped, kTaken, kArrived, kLeft };
  std::vector<Hop> hops;
  End end = End::kSilent;  // kTaken: a rule gave it to a program (queue)
  Dropper dropper;         // of kDropped and kTaken
  std::optional<Flow> flow;  // as it was last seen
  std::uint32_t in = 0, out = 0;
  std::string mark;  // the last chain of ours that saw it; "" for none
};

// How to name things of the namespace.
struct Names {
  std::string place;
  std::function<std::string(std::uint32_t)> link;                 // by number
  std::function<std::string(const os::NftTrace&)> rule;           // text of a rule
};
// `sent` is the packet as it came to the namespace; `watch` the name of our tables.
Stage ReadStage(const Names& names, const std::vector<os::NftChain>& chains, const std::vector<os::NftTrace>& traces,
                const Flow& sent, const std::string& watch);

// "ip", "inet", "bridge", as nft(8) has it.
std::string FamilyName(std::uint8_t family);

}  // namespace estiba::nettrace
