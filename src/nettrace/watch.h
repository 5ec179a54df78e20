#pragma once
// Tables of ours in one namespace: they have our packet followed from its first hook on, and drop it at its last. They
// belong to a socket and die with it.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "os/fd.h"
#include "os/netlink.h"
#include "os/nft_trace.h"
#include "probe.h"

namespace estiba::nettrace {

struct WatchSpec {
  Flow flow;  // its family, protocol and source port are what tells it
  std::uint32_t token = 0;
  bool bridges = false;              // also at hooks of bridges
  std::vector<std::string> ingress;  // links whose very first hook counts
  // Whether it may leave the namespace, and by which links; by none: by all.
  bool lets_out = false;
  std::vector<std::string> lets_out_by;
  bool silences_replies = false;  // what rules answer to the source is dropped: it is another machine
};

class Watch {
 public:
  static Result<Watch> Plant(int ns, const WatchSpec& spec);
  // Readable when something has been told.
  int fd() const { return traces_.get(); }
  Result<std::vector<os::NftTrace>> Read() const { return os::ReceiveNftTrace(traces_.get()); }

 private:
  Watch(os::NetlinkSocket owner, os::UniqueFd traces) : owner_(std::move(owner)), traces_(std::move(traces)) {}
  os::NetlinkSocket owner_;
  os::UniqueFd traces_;
};

// The name of our tables, of this process: it begins with kWatchTable.
inline constexpr std::string_view kWatchTable = "estiba_trace_";
std::string WatchTable();
// Chains of ours that end the way: what arrives, and what leaves.
inline constexpr std::string_view kArrives = "arrives", kLeaves = "leaves", kCrosses = "crosses";

}  // namespace estiba::nettrace
