#pragma once
// What of this host works for us, what is missing, and how to mend it (`estiba doctor`): each feature is tried, in
// namespaces that are gone afterwards where it would change the host. No engine is needed.

#include <string>
#include <vector>

#include "base/result.h"
#include "codec/json.h"
#include "engine/config.h"

namespace estiba::engine {

struct Finding {
  enum class State : unsigned char { kWorks, kLimited, kMissing };
  std::string group;      // "Kernel", "Storage", …
  std::string name;       // "overlay", "pasta"
  State state = State::kWorks;
  bool needed = false;    // without it nothing runs
  std::string detail;     // what was found
  std::string lost;       // what cannot be had without it; empty when it works
  std::string mend;       // a command or what else to do, on Debian; empty when it works

  codec::Json ToJson() const;  // {"Group","Name","State":"works|limited|missing","Needed","Detail","Lost","Mend"}
  static Result<Finding> FromJson(const codec::Json& json);
};

struct DoctorOptions {
  Config config;
  unsigned uid = 0;               // who asks
  std::string program_directory;  // where estibad is
};

// All of it. Starts `estibad --doctor-inside` for what has to be tried in namespaces of its own. One thread.
std::vector<Finding> ExamineHost(const DoctorOptions& options);
// That process's part, a JSON object a line on standard output: moves this process into new namespaces for good.
Status ExamineInside(const Config& config);

}  // namespace estiba::engine
