#pragma once

#include <string>

#include "client/api.h"
#include "client/meanings.h"

namespace estiba::cli {

struct PullOptions {
  std::string reference;
  std::string platform;
  bool all_platforms = false;
  bool quiet = false;
  int fd = 1;  // where progress is shown
};

// The first that can be had of what the reference means; answers which. Asks the user where there is a choice, and
// keeps the answer once the image is here.
Result<std::string> Pull(Api* api, const PullOptions& options);
// The same for who has asked already what it means.
Result<std::string> Pull(Api* api, const PullOptions& options, Meaning meaning);

// "name:latest" for a name without tag or digest.
std::string WithTag(const std::string& reference);
// "host:5000/name:tag" → {"host:5000/name", "tag"}; the second is "" when there is neither tag nor digest.
struct NameAndTag {
  std::string name;
  std::string tag;
};
NameAndTag SplitReference(const std::string& reference);

}  // namespace estiba::cli
