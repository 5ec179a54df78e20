#include <algorithm>
#include <array>

#include "commands/commands.h"

namespace estiba::cli {
namespace {

constexpr Flag kGlobalFlags[] = {
    {'H', "host", Kind::kString, "string",
     "Engine socket to connect to (unix:///path); overrides ESTIBA_HOST and DOCKER_HOST"},
    {'\0', "help", Kind::kBool, "", "Print usage"},
    {'v', "version", Kind::kBool, "", "Print version information and quit"},
};

constexpr auto kGroups = std::to_array<Group>({
    {"container", "Manage containers"},
    {"healthcheck", "Look at containers' health"},
    {"image", "Manage images"},
    {"lab", "Build networks to study"},
    {"manifest", "Look at what registries keep of an image",
     "'inspect' is all there is: indexes cannot be created, annotated, pushed or removed here yet."},
    {"net", "Look into networks"},
    {"network", "Manage networks"},
    {"store", "Manage what images are made of"},
    {"system", "Manage Estiba"},
    {"volume", "Manage volumes"},
});

constexpr auto kEntries = std::to_array<Entry>({
    {"", "attach", &kAttach},
    {"", "commit", &kCommit},
    {"", "copy", &kCopy},
    {"", "cp", &kCp},
    {"", "create", &kCreate},
    {"", "diff", &kDiff},
    {"", "events", &kEvents},
    {"", "exec", &kExec},
    {"", "explain", &kExplain},
    {"", "export", &kExport},
    {"", "history", &kHistory},
    {"", "images", &kImages},
    {"", "import", &kImport},
    {"", "info", &kInfo},
    {"", "inspect", &kInspect},
    {"", "kill", &kKill},
    {"", "load", &kLoad},
    {"", "login", &kLogin},
    {"", "logout", &kLogout},
    {"", "logs", &kLogs},
    {"", "pause", &kPause},
    {"", "port", &kPort},
    {"", "ps", &kPs},
    {"", "pull", &kPull},
    {"", "push", &kPush},
    {"", "rename", &kRename},
    {"", "restart", &kRestart},
    {"", "rm", &kRm},
    {"", "rmi", &kRmi},
    {"", "run", &kRun},
    {"", "save", &kSave},
    {"", "search", &kSearch},
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
    {"container", "commit", &kCommit},
    {"container", "cp", &kCp},
    {"container", "create", &kCreate},
    {"container", "diff", &kDiff},
    {"container", "exec", &kExec},
    {"container", "explain", &kExplain},
    {"container", "export", &kExport},
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
    {"healthcheck", "run", &kHealthcheckRun},
    {"image", "copy", &kCopy},
    {"image", "history", &kHistory},
    {"image", "import", &kImport},
    {"image", "inspect", &kImageInspect},
    {"image", "list", &kImages, true},
    {"image", "load", &kLoad},
    {"image", "ls", &kImages},
    {"image", "prune", &kImagePrune},
    {"image", "pull", &kPull},
    {"image", "push", &kPush},
    {"image", "referrers", &kImageReferrers},
    {"image", "remove", &kRmi, true},
    {"image", "rm", &kRmi},
    {"image", "save", &kSave},
    {"image", "tag", &kTag},
    {"image", "tags", &kImageTags},
    {"lab", "capture", &kLabCapture},
    {"lab", "check", &kLabCheck},
    {"lab", "down", &kLabDown},
    {"lab", "exec", &kLabExec},
    {"lab", "explain", &kLabExplain},
    {"lab", "graph", &kLabGraph},
    {"lab", "ps", &kLabPs},
    {"lab", "up", &kLabUp},
    {"manifest", "inspect", &kManifestInspect},
    {"net", "trace", &kNetTrace},
    {"network", "check", &kNetworkCheck},
    {"network", "connect", &kNetworkConnect},
    {"network", "create", &kNetworkCreate},
    {"network", "disconnect", &kNetworkDisconnect},
    {"network", "inspect", &kNetworkInspect},
    {"network", "list", &kNetworkLs, true},
    {"network", "ls", &kNetworkLs},
    {"network", "prune", &kNetworkPrune},
    {"network", "remove", &kNetworkRm, true},
    {"network", "rm", &kNetworkRm},
    {"store", "check", &kStoreCheck},
    {"system", "check", &kStoreCheck, true},
    {"system", "df", &kSystemDf},
    {"system", "dial-stdio", &kDialStdio},
    {"system", "events", &kEvents},
    {"system", "info", &kInfo},
    {"system", "prune", &kSystemPrune},
    {"volume", "create", &kVolumeCreate},
    {"volume", "export", &kVolumeExport},
    {"volume", "import", &kVolumeImport},
    {"volume", "inspect", &kVolumeInspect},
    {"volume", "list", &kVolumeLs, true},
    {"volume", "ls", &kVolumeLs},
    {"volume", "prune", &kVolumePrune},
    {"volume", "rename", &kVolumeRename},
    {"volume", "remove", &kVolumeRm, true},
    {"volume", "rm", &kVolumeRm},
    {"volume", "snapshot", &kVolumeSnapshot},
});

}  // namespace

std::span<const Flag> GlobalFlags() { return kGlobalFlags; }
std::span<const Entry> AllCommands() { return kEntries; }
std::span<const Group> AllGroups() { return kGroups; }

const Command* FindCommand(std::string_view group, std::string_view name) {
  for (const Entry& entry : kEntries)
    if (entry.group == group && entry.name == name) return entry.command;
  return nullptr;
}

bool IsGroup(std::string_view name) {
  return std::ranges::any_of(kGroups, [&](const Group& group) { return group.name == name; });
}

}  // namespace estiba::cli
