#pragma once

#include <string>

#include "engine/engine.h"
#include "http/server.h"

namespace estiba::api::docker {

inline constexpr int kMinMinor = 24;  // API 1.24
inline constexpr int kMaxMinor = 52;  // API 1.52

// Fields of every response, and which bodies are streamed. `version` is the release's.
http::ServerOptions ServerOptions(const std::string& version);
// `engine` outlives the server.
http::Handler MakeHandler(engine::Engine* engine);

}  // namespace estiba::api::docker
