#pragma once
// Every command, one definition each in the file of its name or kind.

#include "command.h"

namespace estiba::cli {

extern const Command kAttach, kCreate, kExec, kRun, kStart;  // interactive
extern const Command kKill, kPause, kRename, kRestart, kRm, kStop, kUnpause, kUpdate, kWait, kContainerPrune;
extern const Command kHealthcheckRun;
extern const Command kPs, kLogs, kPort, kStats, kTop, kExplain;
extern const Command kInspect, kContainerInspect, kImageInspect, kNetworkInspect, kVolumeInspect;
extern const Command kCommit, kCp, kDiff, kExport;
extern const Command kCopy, kHistory, kImages, kImport, kImagePrune, kLoad, kLogin, kLogout, kPull, kPush, kRmi, kSave;
extern const Command kTag;
extern const Command kVolumeCreate, kVolumeExport, kVolumeImport, kVolumeLs, kVolumePrune, kVolumeRename, kVolumeRm,
    kVolumeSnapshot;
extern const Command kSearch, kImageTags, kImageReferrers, kManifestInspect;
extern const Command kNetworkCheck, kNetworkConnect, kNetworkCreate, kNetworkDisconnect, kNetworkLs,
    kNetworkPrune, kNetworkRm;
extern const Command kDialStdio, kDoctor, kEvents, kInfo, kSystemDf, kSystemDown, kSystemPrune, kSystemReset, kSystemUp;
extern const Command kVersionCommand;
extern const Command kStoreCheck;
extern const Command kLabCapture, kLabCheck, kLabDown, kLabExec, kLabExplain, kLabGraph, kLabPs, kLabUp;
extern const Command kNetTrace;

// Help of the options many commands share.
inline constexpr std::string_view kListFormatHelp =
    "Format output using a custom template: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE' (Go's syntax)";
inline constexpr std::string_view kObjectFormatHelp =
    "Format output using a custom template: 'json' or 'TEMPLATE' (Go's syntax)";

}  // namespace estiba::cli
