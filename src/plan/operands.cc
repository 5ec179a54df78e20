#include "operands.h"

#include <linux/bpf_common.h>

#include "child/step.h"

namespace estiba::plan {
namespace {

using C = child::Op;

struct Least {
  std::uint16_t op;
  std::size_t text;
  std::size_t numbers;
};

constexpr Least Host(Op op, std::size_t text, std::size_t numbers = 0) {
  return {static_cast<std::uint16_t>(op), text, numbers};
}
constexpr Least Child(C op, std::size_t text, std::size_t numbers = 0) {
  return {static_cast<std::uint16_t>(static_cast<unsigned>(op) + static_cast<unsigned>(Op::kChildBase)), text, numbers};
}

constexpr Least kLeast[] = {
    Host(Op::kOpenRoot, 1), Host(Op::kMountOverlay, 3, 2), Host(Op::kMountImage, 1),
    Host(Op::kOpenTree, 1, 7), Host(Op::kOpenNamespace, 1, 1),
    Host(Op::kCreateCgroup, 1), Host(Op::kWriteCgroup, 3, 1), Host(Op::kOpenTasks, 1), Host(Op::kResolveUser, 1, 2),
    Host(Op::kOwnCgroup, 0, 1),
    Host(Op::kRunHook, 1, 1), Host(Op::kOpenCgroupMount, 1, 1), Host(Op::kOpenFile, 1, 1),
    Host(Op::kMaybeDirectory, 1), Host(Op::kCopyUp, 2), Host(Op::kMountFilesystem, 2, 2),
    Host(Op::kWriteIdMaps, 2), Host(Op::kOomScore, 1),
    Host(Op::kEnsureBridge, 2, 2), Host(Op::kAddVeth, 4, 1), Host(Op::kConfigureInside, 3), Host(Op::kDeleteCgroup, 1),
    Host(Op::kDefaultRoute, 2), Host(Op::kEnsureBridgeLink, 3, 2), Host(Op::kJoinVlan, 1, 1),
    Host(Op::kWriteNames, 1),
    Host(Op::kServeNames, 1), Host(Op::kForgetNames, 1), Host(Op::kDeleteVeth, 1), Host(Op::kKillCgroup, 1),
    Host(Op::kEnsureParent, 2, 1), Host(Op::kAddUpper, 6, 3), Host(Op::kDeleteUpper, 2),
    Host(Op::kCniAdd, 3, 1), Host(Op::kCniDel, 3, 1),
    Child(C::kAttachRoot, 1), Child(C::kMount, 3),
    Child(C::kAttach, 1), Child(C::kDevice, 1), Child(C::kBindDevice, 2), Child(C::kSymlink, 2),
    Child(C::kMakeDirectory, 1), Child(C::kMask, 1), Child(C::kReadonlyPath, 1), Child(C::kWriteProc, 2),
    Child(C::kHostname, 1), Child(C::kDomainname, 1), Child(C::kHook, 1), Child(C::kSessionKeyring, 1),
    Host(Op::kMakeIdMapFd, 2), Child(C::kTmpCopyUp, 1),
    Child(C::kSendSeccompListener, 3), Host(Op::kMoveLink, 2), Host(Op::kIntelRdt, 2, 1),
    Host(Op::kDeleteResctrl, 1), Host(Op::kStartScope, 2, 1), Host(Op::kJoinScope, 1, 1), Host(Op::kStopScope, 1, 1),
    Child(C::kOpenFile, 1), Child(C::kOpenProc, 1), Child(C::kWriteSlot, 1),
    Child(C::kWorkDirectory, 1), Child(C::kMakeFile, 1), Child(C::kLandlockRuleset, 0, 1),
    Child(C::kLandlockRule, 1, 1), Child(C::kUnmount, 1, 2), Host(Op::kUseHost, 2), Host(Op::kForwarding, 1, 1),
    Host(Op::kUserNetwork, 3), Host(Op::kRelayPorts, 2),
};

// Blobs the child walks without looking for their end: options end in a NUL, groups and filters are whole.
bool BlobFits(const Step& step) {
  constexpr auto kBase = static_cast<unsigned>(Op::kChildBase);
  const auto op = static_cast<unsigned>(step.op) > kBase ? static_cast<C>(static_cast<unsigned>(step.op) - kBase)
                                                         : C::kNone;
  if (op == C::kGroups) return step.blob.size() % 4 == 0;
  if (op == C::kSeccomp) return step.blob.size() % 8 == 0 && step.blob.size() / 8 <= BPF_MAXINSNS;
  if (op == C::kHook || step.op == Op::kRunHook) return step.blob.empty() || step.blob.back() == '\0';
  if (op == C::kScheduler) return step.blob.size() >= 48;
  if (op != C::kMount && step.op != Op::kMountFilesystem) return true;
  for (std::size_t at = 0; at < step.blob.size();) {
    const char kind = step.blob[at];
    const std::size_t strings = kind == 'f' ? 1 : kind == 's' ? 2 : 0;
    if (strings == 0) return false;
    ++at;
    for (std::size_t i = 0; i < strings; ++i) {
      const std::size_t end = step.blob.find('\0', at);
      if (end == std::string::npos) return false;
      at = end + 1;
    }
  }
  return true;
}

bool HoldsNul(const Step& step) {
  for (const std::string& text : step.text) {
    if (text.find('\0') != std::string::npos) return true;
  }
  return false;
}

}  // namespace

bool OperandsFit(const Step& step) {
  for (const Least& least : kLeast) {
    if (least.op != static_cast<std::uint16_t>(step.op)) continue;
    if (step.text.size() < least.text || step.numbers.size() < least.numbers) return false;
  }
  constexpr auto kMask = static_cast<Op>(static_cast<unsigned>(C::kMask) + static_cast<unsigned>(Op::kChildBase));
  const bool fills = step.op == kMask || step.op == Op::kOpenNamespace || step.op == Op::kOpenUnified ||
                     step.op == Op::kMakeIdMapFd;
  if (fills && step.out == kNoSlot) return false;
  return !HoldsNul(step) && BlobFits(step);
}

}  // namespace estiba::plan
