#pragma once
// AppArmor as this host has it, and our default profile in its kernel. The profile is loaded when a container first
// needs it: once for each engine, which may be a later release than the one before, and again whenever the kernel's
// list has lost it (a flush, an upgrade of the host's own profiles).

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"

namespace estiba::engine {

class AppArmor {
 public:
  struct Places {
    std::string enabled = "/sys/module/apparmor/parameters/enabled";
    std::string profiles = "/sys/kernel/security/apparmor/profiles";  // those loaded: securityfs
    std::string current = "/proc/self/attr/apparmor/current";
    std::string abi = "/etc/apparmor.d/abi/3.0";
    std::vector<std::string> parsers = {"/usr/sbin/apparmor_parser", "/sbin/apparmor_parser",
                                        "/usr/bin/apparmor_parser", "/bin/apparmor_parser"};
  };
  // Whether a container can be given a profile.
  struct Use {
    bool on = false;          // the kernel's AppArmor confines
    bool named = false;       // profiles that somebody else has loaded can be given
    bool by_default = false;  // and ours can be loaded
    std::string lacks;        // what is missing, unless by_default
  };

  // `privileged`: root of the first user namespace with CAP_MAC_ADMIN. `before_spawn` as of EngineOptions.
  AppArmor(bool privileged, std::function<void()> before_spawn, Places places);
  AppArmor(bool privileged, std::function<void()> before_spawn)
      : AppArmor(privileged, std::move(before_spawn), Places()) {}

  Use Look() const;
  // The profile is in the kernel when this returns: ours is loaded, others must be there. "" and "unconfined" are none.
  Status Ensure(const std::string& profile);

 private:
  Result<std::string> Listed() const;
  std::string Parser() const;  // empty: there is none
  Status Load(const std::string& profile);

  bool privileged_;
  std::function<void()> before_spawn_;
  Places places_;
  std::mutex loading_;  // orders loads: who waits finds it loaded
  bool loaded_ = false;  // by this engine; under `loading_`
};

}  // namespace estiba::engine
