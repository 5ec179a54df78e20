#pragma once
// The options create and run share, and the request they make.

#include <span>

#include "apitypes/container.h"
#include "base/result.h"
#include "options/envfile.h"
#include "options/flags.h"

namespace estiba::cli {

// In the order help shows them.
std::span<const Flag> CreateFlags();
std::span<const Flag> RunFlags();

// What `create` and `run` send, and what they need to know besides.
struct CreateRequest {
  apitypes::ContainerCreate create;
  std::string name;
  std::string platform;
  std::string pull;  // "always", "missing", "never"
  std::string cid_file;
  bool quiet = false;
};

// `options` after ParseFlags: args() is IMAGE [COMMAND] [ARG…].
Result<CreateRequest> BuildCreate(const Options& options, bool detached, Lookup lookup);

}  // namespace estiba::cli
