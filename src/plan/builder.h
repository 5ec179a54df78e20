#pragma once
// The plan under construction, shared by the builder's parts.

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "child/step.h"
#include "plan/build.h"
#include "plan/plan.h"

namespace estiba::plan {

constexpr Op ChildOp(child::Op op) {
  return static_cast<Op>(static_cast<std::uint16_t>(op) + static_cast<std::uint16_t>(Op::kChildBase));
}

class Builder {
 public:
  explicit Builder(const HostFacts& facts) : facts_(facts) {}

  const HostFacts& facts() const { return facts_; }
  Plan& plan() { return plan_; }
  int NewSlot() { return static_cast<int>(plan_.slots++); }

  // The new step; the reference is good until the next Add.
  Step& Add(Op op, Where where, std::string why, std::vector<std::string> text = {},
            std::vector<std::uint64_t> numbers = {}) {
    Step step;
    step.op = op;
    step.where = where;
    step.why = std::move(why);
    step.text = std::move(text);
    step.numbers = std::move(numbers);
    plan_.steps.push_back(std::move(step));
    return plan_.steps.back();
  }
  Step& Host(Op op, std::string why, std::vector<std::string> text = {}, std::vector<std::uint64_t> numbers = {}) {
    return Add(op, Where::kHost, std::move(why), std::move(text), std::move(numbers));
  }
  Step& Child(child::Op op, std::string why, std::vector<std::string> text = {},
              std::vector<std::uint64_t> numbers = {}) {
    return Add(ChildOp(op), child_where_, std::move(why), std::move(text), std::move(numbers));
  }
  // Steps of the child from here on run inside the container's root.
  void EnterRoot() { child_where_ = Where::kRoot; }

  int root = kNoSlot;        // the container's root, as a mount
  int proc = kNoSlot;        // what is mounted at /proc and /sys, if anything is
  int sys = kNoSlot;
  int time_offsets = kNoSlot;  // the child's own timens_offsets, opened while it could be
  int readonly_dev = kNoSlot;  // a tmpfs at /dev that is to be read-only once everything is in it
  int null_device = kNoSlot;  // the host's /dev/null
  int terminal = kNoSlot;
  int network = kNoSlot;     // a joined network namespace
  int own_maps = kNoSlot;    // a user namespace with the container's maps
  int mapped_layers = kNoSlot;  // Storage::layers_root, its ids mapped
  bool new_user = false;     // the container gets, or joins, a user namespace
  bool has_cgroup = false;
  bool in_scope = false;     // systemd makes its cgroup

 private:
  const HostFacts& facts_;
  Plan plan_;
  Where child_where_ = Where::kChild;
};

// "mounts[3]"
std::string Indexed(const char* name, std::size_t index);
void Warn(Plan& plan, std::string_view text);

// options.cc: mount options as flags and data.
struct MountOptions {
  bool bind = false;
  bool recursive_bind = false;
  std::uint64_t set = 0;              // MOUNT_ATTR_…
  std::uint64_t clear = 0;
  std::uint64_t recursive_set = 0;    // "rro" and so on
  std::uint64_t recursive_clear = 0;
  std::uint64_t super = 0;            // child::SuperFlag
  std::uint64_t propagation = 0;      // MS_…
  bool propagation_recursive = false;
  bool copy_up = false;               // tmpcopyup
  bool id_mapped = false;             // idmap, ridmap
  bool id_mapped_recursive = false;
  std::vector<std::pair<std::string, std::string>> data;  // fs-specific; a value of "\0" (one byte) marks a flag
  bool Has(std::string_view key) const;
  std::string Blob() const;           // as child::Op::kMount reads it
};
Result<MountOptions> ParseMountOptions(const std::vector<std::string>& options, const std::string& field);
// MS_… of "rslave" and so on; `recursive` says whether it began with r. kInvalidArgument when unknown.
Result<std::uint64_t> ParsePropagation(const std::string& text, bool* recursive);

// "0 100000 65536\n"…, as uid_map and gid_map take it.
std::string MapText(const std::vector<oci::IdMapping>& maps);

// One part of a container each.
Status AddNamespaces(Builder& b, const ContainerInput& input);          // namespaces.cc
Status AddUserNamespace(Builder& b, const ContainerInput& input);
void AddBecomeRoot(Builder& b);
// What kBecomeRoot and kGroups are told of setgroups(2).
std::vector<std::uint64_t> SetgroupsNumbers(const HostFacts& facts);
// CLONE_NEW… of every namespace the container has to itself or shares with another container.
std::uint64_t NamespaceFlags(const oci::Linux& config, const HostFacts& facts);
// The container has no mount namespace: it lives in the host's, below its root.
bool SharesHostMounts(const oci::Linux& config);
Status AddSysctls(Builder& b, const oci::RuntimeSpec& spec);
Status AddStorage(Builder& b, const ContainerInput& input);             // sources.cc
Status AddMountSources(Builder& b, const ContainerInput& input, std::vector<int>& sources);
bool IsBind(const oci::Mount& mount, const MountOptions& options);      // storage.cc
Status CheckProc(const oci::Mount& mount, const MountOptions& options, const std::string& why);
Status AddMounts(Builder& b, const ContainerInput& input, const std::vector<int>& sources);
// The mounts alone, into a root that is mounted already.
Status AttachMounts(Builder& b, const ContainerInput& input, const std::vector<int>& sources);
void AddDevices(Builder& b, const oci::RuntimeSpec& spec);              // devices.cc
void AddNetworkSteps(Builder& b, const Network& network);               // network.cc: those beside the child
// The configuration fields of those steps; nothing else has them.
inline constexpr const char* kNetworkField = "network";
inline constexpr const char* kPortsField = "ports";
void AddPathRestrictions(Builder& b, const oci::RuntimeSpec& spec);
bool IsDevMountedByUser(const oci::RuntimeSpec& spec);
Status AddCgroup(Builder& b, const ContainerInput& input);              // cgroups.cc
void AddDeviceRules(Builder& b, const oci::Resources& resources);
// cgroup_owner.cc
void AddCgroupOwner(Builder& b, const oci::RuntimeSpec& spec, Where where);
// `below`: cgroups below the plan's, as ExecInput::sub_cgroups.
Status AddJoinCgroup(Builder& b, const oci::StringMap& below = {});
Status AddCgroupMount(Builder& b, const oci::RuntimeSpec& spec, const oci::Mount& mount,
                      const MountOptions& options, const std::string& why);
Status AddIntelRdt(Builder& b, const oci::RuntimeSpec& spec, const std::string& id);  // resctrl.cc
void AddUpper(Builder& b, const Upper& upper);
void AddNetwork(Builder& b, const ContainerInput& input);               // network.cc
void AddHostHooks(Builder& b, const std::vector<oci::Hook>& hooks, const char* name, Where where);
void AddChildHooks(Builder& b, const std::vector<oci::Hook>& hooks,
                   const char* name);
// process.cc: everything from the pivot to the program.
struct ProcessInput {
  const oci::RuntimeSpec& spec;
  const oci::Process& process;
  bool isolate_from_parent;
  bool new_session_keyring;
  bool exec;
  std::string id;
  const std::optional<security::CompiledSeccomp>& seccomp;  // compiled before, or to be compiled here
};
Status CheckProcess(const oci::Process& process);
Status AddProcess(Builder& b, const ProcessInput& input);
// landlock.cc
Status AddLandlock(Builder& b, const oci::RuntimeSpec& spec);
void AddEveryCpu(Builder& b);
Status AddAffinity(Builder& b, const std::string& cpus, const char* why);
void AddResolveUser(Builder& b, const oci::Process& process);
// labels.cc
// Labels that no security module of this host can set are refused.
Status CheckLabels(const oci::Process& process, const HostFacts& facts);
Status CheckMountLabel(const oci::RuntimeSpec& spec, const HostFacts& facts);
struct LabelFiles {
  int apparmor = kNoSlot;
  int selinux = kNoSlot;
  int keyring = kNoSlot;
};
// Opened while the host's /proc is in sight, written just before the program.
LabelFiles OpenLabelFiles(Builder& b, const oci::Process& process, bool session_keyring);
void WriteLabels(Builder& b, const oci::Process& process, const LabelFiles& files);

}  // namespace estiba::plan
