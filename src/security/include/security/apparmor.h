#pragma once
// The profile that AppArmor confines containers by unless another is named. Pure text; who loads it is elsewhere.

#include <string>
#include <string_view>

namespace estiba::security {

inline constexpr const char* kDefaultAppArmorProfile = "estiba-default";

struct AppArmorProfileOptions {
  std::string name = kDefaultAppArmorProfile;
  // Of whoever starts, signals and enters containers; "unconfined" may do so in any case.
  std::string runtime = "unconfined";
  // <abi/3.0> is there. Without it a parser takes the language's rules for those of an older kernel, or of a newer one
  // in which "network" is less.
  bool abi = true;
};

// In the language of apparmor_parser 3.0 and later; nothing is included but the abi.
std::string AppArmorProfile(const AppArmorProfileOptions& options = {});

// The profile of /proc/PID/attr/current: "NAME (enforce)", or "unconfined".
std::string AppArmorLabelName(std::string_view current);
// Whether the kernel's list ("NAME (enforce)" a line) has it.
bool ListsAppArmorProfile(std::string_view list, std::string_view name);

}  // namespace estiba::security
