#pragma once

#include <string>

#include "client/api.h"

namespace estiba::cli {

struct PullOptions {
  std::string reference;
  std::string platform;
  bool all_platforms = false;
  bool quiet = false;
  int fd = 1;  // where progress is shown
};

Status Pull(Api* api, const PullOptions& options);

// "name:latest" for a name without tag or digest.
std::string WithTag(const std::string& reference);
// "host:5000/name:tag" → {"host:5000/name", "tag"}; the second is "" when there is neither tag nor digest.
struct NameAndTag {
  std::string name;
  std::string tag;
};
NameAndTag SplitReference(const std::string& reference);

}  // namespace estiba::cli
