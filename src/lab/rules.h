#pragma once
// Rules of nodes as nf_tables messages, which nft(8) shows as rules_text.cc writes them.

#include "lab/plan.h"
#include "os/nft.h"

namespace estiba::lab {

// Family inet.
void PutRules(os::NftBatch& batch, const Node& node);
// Family netdev.
void PutLoss(os::NftBatch& batch, const Lose& lose);

}  // namespace estiba::lab
