#pragma once
// The options create, run and update share, and the requests they make.

#include <span>

#include "apitypes/container.h"
#include "base/result.h"
#include "options/envfile.h"
#include "options/flags.h"

namespace estiba::cli {

// In the order help shows them.
std::span<const Flag> CreateFlags();
std::span<const Flag> RunFlags();
std::span<const Flag> UpdateFlags();

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
// The body of `update`.
Result<apitypes::ContainerUpdate> BuildUpdate(const Options& options);

}  // namespace estiba::cli
