#pragma once
// Whether traffic flows as a lab's file says, by pings and connections of our own in the nodes' namespaces.

#include <chrono>
#include <vector>

#include "lab/model.h"
#include "lab/record.h"

namespace estiba::lab {

struct CheckTimes {
  std::chrono::milliseconds reaches{10000};      // what shall answer has this long (a switch with STP takes its time)
  std::chrono::milliseconds cannot_reach{1500};  // what shall not is asked this long
};
// For each check of the lab, in order: whether it was reached. First all that shall be, so that the network has settled
// when silence counts. Listens, for as long as it runs, where a check wants a TCP port and nobody serves it.
Result<std::vector<bool>> RunChecks(const Lab& lab, const Places& places = {}, const CheckTimes& times = {});

// "pc1 cannot reach pc2 tcp 80".
std::string CheckText(const Lab& lab, const Check& check);

}  // namespace estiba::lab
