#pragma once
// What attach, exec and logs share: the content type, and taking the connection over.

#include "call.h"

namespace estiba::api::docker {

// Multiplexed frames have a type of their own since API 1.42; before, and with a terminal, all is "raw".
std::string StreamType(bool tty, int minor);
engine::TakeConnection Taker(const Call& call);
// When the client leaves, the engine stops working for it.
void CancelWhenGone(const Call& call, engine::Token token);

}  // namespace estiba::api::docker
