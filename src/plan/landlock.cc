// Landlock, by the annotation: what the container's programs may do to which files, whoever they are.

#include "builder.h"
#include "describe.h"

namespace estiba::plan {
namespace {

struct Access {
  const char* name;
  int abi;  // that knows it
};
// In the order of the kernel's bits.
constexpr Access kAccess[] = {{"execute", 1},    {"write_file", 1},  {"read_file", 1}, {"read_dir", 1},
                              {"remove_dir", 1}, {"remove_file", 1}, {"make_char", 1}, {"make_dir", 1},
                              {"make_reg", 1},   {"make_sock", 1},   {"make_fifo", 1}, {"make_block", 1},
                              {"make_sym", 1},   {"refer", 2},       {"truncate", 3},  {"ioctl_dev", 5}};

constexpr const char* kField = "annotations[dev.estiba.landlock]";

Result<std::uint64_t> ParseAccess(const std::vector<std::string>& names) {
  std::uint64_t set = 0;
  for (const std::string& name : names) {
    std::uint64_t bit = 0;
    for (std::size_t i = 0; i < std::size(kAccess); ++i) {
      if (name == kAccess[i].name) bit = std::uint64_t{1} << i;
    }
    if (bit == 0)
      return Error(Code::kInvalidArgument, std::string(kField) + ": unknown access '" + name + "'");
    set |= bit;
  }
  return set;
}

// What of `handled` this kernel knows.
Result<std::uint64_t> Known(Builder& b, const oci::Landlock& landlock, std::uint64_t handled) {
  const int abi = b.facts().kernel.landlock_abi;
  if (abi < 1) {
    return Error(Code::kFailedPrecondition, std::string(kField) + ": this kernel has no Landlock")
        .Hint("it needs CONFIG_SECURITY_LANDLOCK, and 'landlock' among the modules of the boot option lsm=");
  }
  for (std::size_t i = 0; i < std::size(kAccess); ++i) {
    const std::uint64_t bit = std::uint64_t{1} << i;
    if ((handled & bit) == 0 || kAccess[i].abi <= abi) continue;
    const std::string what =
        std::string(kField) + ": this kernel's Landlock does not know '" + kAccess[i].name + "'";
    if (landlock.disable_best_effort) return Error(Code::kFailedPrecondition, what);
    Warn(b.plan(), what + ", which stays allowed");
    handled &= ~bit;
  }
  return handled;
}

}  // namespace

Status AddLandlock(Builder& b, const oci::RuntimeSpec& spec) {
  if (!spec.landlock.has_value()) return Ok();
  const oci::Landlock& landlock = *spec.landlock;
  const std::uint64_t asked = TRY(ParseAccess(landlock.handled_access_fs));
  if (asked == 0)
    return Error(Code::kInvalidArgument, std::string(kField) + ": ruleset.handledAccessFS handles nothing");
  const std::uint64_t handled = TRY(Known(b, landlock, asked));
  if (handled == 0) {
    return Error(Code::kFailedPrecondition,
                 std::string(kField) + ": this kernel's Landlock knows nothing of what is handled");
  }
  const int ruleset = b.NewSlot();
  b.Child(child::Op::kLandlockRuleset, kField, {}, {handled}).out = ruleset;
  for (const oci::LandlockRule& rule : landlock.path_beneath) {
    const std::uint64_t allowed = TRY(ParseAccess(rule.allowed_access));
    if ((allowed & ~asked) != 0) {
      return Error(Code::kInvalidArgument,
                   std::string(kField) + ": a rule allows what ruleset.handledAccessFS does not handle");
    }
    for (const std::string& path : rule.paths) {
      if (path.empty() || path[0] != '/') {
        return Error(Code::kInvalidArgument, std::string(kField) + ": path '" + path + "' is not absolute");
      }
      if ((allowed & handled) == 0) continue;
      b.Child(child::Op::kLandlockRule, kField, {path}, {allowed & handled}).in = {ruleset};
    }
  }
  b.Child(child::Op::kLandlockRestrict, kField).in = {ruleset};
  return Ok();
}

std::string LandlockText(std::uint64_t set) {
  std::string text;
  for (std::size_t i = 0; i < std::size(kAccess); ++i) {
    if ((set >> i & 1) != 0) text += (text.empty() ? "" : " ") + std::string(kAccess[i].name);
  }
  return text;
}

}  // namespace estiba::plan
