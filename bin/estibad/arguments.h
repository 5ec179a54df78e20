#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/config.h"

namespace estiba::estibad {

struct Arguments {
  std::optional<std::string> config;
  std::optional<engine::StorageDriver> storage_driver;
  std::vector<std::string> hosts;
  std::optional<bool> tls;
  std::optional<bool> tlsverify;
  std::optional<std::string> tlscacert;
  std::optional<std::string> tlscert;
  std::optional<std::string> tlskey;
  bool check_config = false;
  bool spawned = false;  // by a command of ours, which goes on when it reads a byte from `ready_fd`
  int ready_fd = -1;
  unsigned uid = 0;  // whose engine it is: in a user namespace of ours we would be told 0
  std::optional<std::string> record_answers;  // to this file
  bool help = false;
  bool version = false;
  bool doctor = false;         // examine the host, print what was found as JSON, and end
  bool doctor_inside = false;  // its other process
  bool reset = false;          // remove all that is ours, and end

  // They are read again on SIGHUP, from another folder.
  Status MakePathsAbsolute();
};

extern const char kUsage[];

Result<Arguments> ParseArguments(const std::vector<std::string>& words);

// What the configuration file says, with what the arguments say. As dockerd's, they must not contradict each other.
Result<engine::Config> LoadConfig(const Arguments& arguments, bool rootless);

}  // namespace estiba::estibad
