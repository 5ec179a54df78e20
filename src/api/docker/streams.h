#pragma once
// What streams share: the content type, and taking the connection over.

#include "call.h"

namespace estiba::api::docker {

// Multiplexed frames have a type of their own since API 1.42; before, and with a terminal, all is "raw".
std::string StreamType(bool tty, int minor);
engine::TakeConnection Taker(const Call& call);
// When the client leaves, the engine stops working for it.
void CancelWhenGone(const Call& call, engine::Token token);
// The same for one whose archive is the body: a client may shut down its side behind it.
void CancelWhenCut(const Call& call, engine::Token token);
// All bytes of a stream as the answer; an error before the first of them is the answer's status, a later one cuts it.
Status SendStream(Call& call, const engine::OutputStream& stream, const char* content_type, http::Headers more = {});

}  // namespace estiba::api::docker
