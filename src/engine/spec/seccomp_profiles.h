#pragma once
// Seccomp profiles with their filters, made once for all containers that have the same: most have docker's default one.

#include <memory>
#include <string>
#include <vector>

#include "base/guarded.h"
#include "base/result.h"
#include "oci/runtime_spec.h"
#include "security/capability.h"
#include "security/seccomp.h"

namespace estiba::engine {

struct ReadySeccomp {
  oci::Seccomp profile;
  security::CompiledSeccomp compiled;
};

// For any thread.
class SeccompProfiles {
 public:
  // `json`: docker's format, as of `--security-opt seccomp=`; "": docker's default profile. Errors: what json lacks.
  Result<std::shared_ptr<const ReadySeccomp>> Get(const std::string& json, security::CapabilitySet capabilities);

 private:
  struct Entry {
    std::string json;
    security::CapabilitySet capabilities = 0;
    std::shared_ptr<const ReadySeccomp> ready;
  };
  std::shared_ptr<const ReadySeccomp> Find(const std::string& json, security::CapabilitySet capabilities);

  Guarded<std::vector<Entry>> entries_;  // of the one asked for last to the one that nobody asked for the longest
};

}  // namespace estiba::engine
