#pragma once
// Why a packet goes no further, in the words of networks and published ports, and what to do about it. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nettrace/trace.h"
#include "stage.h"

namespace estiba::nettrace {

struct Reason {
  std::string why;
  std::string next;
};

// A rule or a policy dropped it in the host's namespace. `in` and `out` are names of the links; `flow` as it was then.
Reason ExplainDrop(const Facts& facts, const Question& question, const Stage& stage, const std::string& place,
                   const std::string& in, const std::string& out);
// `errnum` of a route look-up in the namespace of `container` ("" for the host).
Reason ExplainNoRoute(const Facts& facts, const std::string& container, const Ip& to, int errnum);
// It came to `place`, and no program takes it there. `listeners` are the addresses that do take the port.
Reason ExplainNoListener(const Facts& facts, const std::string& place, const Flow& flow,
                         const std::vector<Ip>& listeners);
// Nobody has the address.
Reason ExplainNoNeighbour(const Facts& facts, const Ip& address, const std::string& link);

// Whether a listener at `at` takes what is for `to`.
bool Takes(const Ip& at, const Ip& to);

}  // namespace estiba::nettrace
