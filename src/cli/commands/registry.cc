#include <array>

#include "apitypes/filters.h"
#include "base/text.h"
#include "commands/commands.h"

namespace estiba::cli {
namespace {

constexpr auto kGroups = std::to_array<Group>({
    {"container", "Manage containers"},
    {"image", "Manage images"},
    {"network", "Manage networks"},
    {"system", "Manage Estiba"},
    {"volume", "Manage volumes"},
});

constexpr auto kEntries = std::to_array<Entry>({
    {"", "attach", &kAttach},
    {"", "create", &kCreate},
    {"", "events", &kEvents},
    {"", "exec", &kExec},
    {"", "explain", &kExplain},
    {"", "history", &kHistory},
    {"", "images", &kImages},
    {"", "info", &kInfo},
    {"", "inspect", &kInspect},
    {"", "kill", &kKill},
    {"", "load", &kLoad},
    {"", "logs", &kLogs},
    {"", "pause", &kPause},
    {"", "port", &kPort},
    {"", "ps", &kPs},
    {"", "pull", &kPull},
    {"", "rename", &kRename},
    {"", "restart", &kRestart},
    {"", "rm", &kRm},
    {"", "rmi", &kRmi},
    {"", "run", &kRun},
    {"", "save", &kSave},
    {"", "start", &kStart},
    {"", "stats", &kStats},
    {"", "stop", &kStop},
    {"", "tag", &kTag},
    {"", "top", &kTop},
    {"", "unpause", &kUnpause},
    {"", "update", &kUpdate},
    {"", "version", &kVersionCommand},
    {"", "wait", &kWait},
    {"container", "attach", &kAttach},
    {"container", "create", &kCreate},
    {"container", "exec", &kExec},
    {"container", "explain", &kExplain},
    {"container", "inspect", &kContainerInspect},
    {"container", "kill", &kKill},
    {"container", "list", &kPs, true},
    {"container", "logs", &kLogs},
    {"container", "ls", &kPs},
    {"container", "pause", &kPause},
    {"container", "port", &kPort},
    {"container", "prune", &kContainerPrune},
    {"container", "ps", &kPs, true},
    {"container", "remove", &kRm, true},
    {"container", "rename", &kRename},
    {"container", "restart", &kRestart},
    {"container", "rm", &kRm},
    {"container", "run", &kRun},
    {"container", "start", &kStart},
    {"container", "stats", &kStats},
    {"container", "stop", &kStop},
    {"container", "top", &kTop},
    {"container", "unpause", &kUnpause},
    {"container", "update", &kUpdate},
    {"container", "wait", &kWait},
    {"image", "history", &kHistory},
    {"image", "inspect", &kImageInspect},
    {"image", "list", &kImages, true},
    {"image", "load", &kLoad},
    {"image", "ls", &kImages},
    {"image", "prune", &kImagePrune},
    {"image", "pull", &kPull},
    {"image", "remove", &kRmi, true},
    {"image", "rm", &kRmi},
    {"image", "save", &kSave},
    {"image", "tag", &kTag},
    {"network", "connect", &kNetworkConnect},
    {"network", "create", &kNetworkCreate},
    {"network", "disconnect", &kNetworkDisconnect},
    {"network", "inspect", &kNetworkInspect},
    {"network", "list", &kNetworkLs, true},
    {"network", "ls", &kNetworkLs},
    {"network", "prune", &kNetworkPrune},
    {"network", "remove", &kNetworkRm, true},
    {"network", "rm", &kNetworkRm},
    {"system", "df", &kSystemDf},
    {"system", "events", &kEvents},
    {"system", "info", &kInfo},
    {"system", "prune", &kSystemPrune},
    {"volume", "create", &kVolumeCreate},
    {"volume", "inspect", &kVolumeInspect},
    {"volume", "list", &kVolumeLs, true},
    {"volume", "ls", &kVolumeLs},
    {"volume", "prune", &kVolumePrune},
    {"volume", "remove", &kVolumeRm, true},
    {"volume", "rm", &kVolumeRm},
});

}  // namespace

std::span<const Entry> AllCommands() { return kEntries; }
std::span<const Group> AllGroups() { return kGroups; }

Result<std::string> EncodeFilters(const std::vector<std::string>& filters) {
  if (filters.empty()) return std::string();
  apitypes::Filters encoded;
  for (const std::string& filter : filters) {
    const auto equals = filter.find('=');
    if (equals == std::string::npos || equals == 0)
      return Error(
          Code::kInvalidArgument,
          "invalid argument \"" + filter + "\" for \"-f, --filter\" flag: invalid filter '" + filter + "'");
    // "label!=x" is the key "label!".
    encoded.Add(ToLower(Trim(filter.substr(0, equals))), std::string(Trim(filter.substr(equals + 1))));
  }
  return encoded.ToJson();
}

}  // namespace estiba::cli
