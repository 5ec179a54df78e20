// mounts add, mounts remove: mounts of a container that runs.

#include <cerrno>

#include <algorithm>

#include "codec/json.h"
#include "commands.h"
#include "launch.h"
#include "oci/runtime_json.h"
#include "os/file.h"
#include "os/mount.h"
#include "runtime/container.h"
#include "state_dir.h"

namespace estiba::ocicli {
namespace {

using codec::Json;

constexpr const char* kRecords = "mounts.json";  // in the container's folder: what was added, in that order

struct Target {
  StateDir dir;
  Snapshot now;
  plan::MountInput input;
  plan::HostFacts facts;
};

Result<Target> OpenTarget(const Context& context) {
  StateDir dir = TRY(StateDir::Open(context.globals.root, context.flags.rest().at(1)));
  TRY(dir.Lock());
  Snapshot now = TRY(Look(dir));
  if (!now.Alive()) return Error(Code::kFailedPrecondition, "container not running");
  plan::HostFacts facts = TRY(AskHost(context.globals));
  plan::MountInput input;
  input.id = dir.id();
  input.spec = TRY(dir.LoadConfig());
  input.bundle = now.record.bundle;
  return Target{
      .dir = std::move(dir), .now = std::move(now), .input = std::move(input), .facts = std::move(facts)};
}

Result<std::vector<plan::MountedAt>> LoadRecords(const StateDir& dir) {
  std::vector<plan::MountedAt> mounts;
  const auto text = os::ReadFileAt(dir.dir(), kRecords);
  if (!text.ok() && text.error().errnum() == ENOENT) return mounts;
  if (!text.ok()) return text.error().Clone();
  const Json list = TRY_CTX(codec::ParseJson(*text), "read the container's added mounts");
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Json& each = (*list.IfArray())[i];
    mounts.push_back({.path = each.GetString("path"),
                      .mount_id = static_cast<std::uint64_t>(each.GetInt("id")),
                      .unique = each.GetBool("unique")});
  }
  return mounts;
}

Status SaveRecords(const StateDir& dir, const std::vector<plan::MountedAt>& mounts) {
  Json list = Json::MakeArray();
  for (const plan::MountedAt& at : mounts)
    list.Append(Json::MakeObject({{"path", at.path}, {"id", at.mount_id}, {"unique", at.unique}}));
  return os::ReplaceFile(dir.dir(), kRecords, list.Dump(), 0600);
}

Status Unmount(const Target& target, const plan::MountedAt& at) {
  const plan::Plan plan = TRY(plan::BuildUnmount(target.input, at, target.facts));
  TRY(runtime::CarryOutInside(plan, target.now.record.pid, target.now.pidfd.get()));
  return Ok();
}

Result<plan::MountedAt> Mount(const Target& target, const oci::Mount& mount) {
  plan::MountInput input = target.input;
  input.mount = mount;
  const plan::Plan plan = TRY(plan::BuildMount(input, target.facts));
  auto made = runtime::CarryOutInside(plan, target.now.record.pid, target.now.pidfd.get());
  if (!made.ok() && made.error().errnum() == EPERM && target.facts.rootless)
    return std::move(made).error().Hint("only root can bind what is outside of a running container into it");
  const os::UniqueFd fd = TRY(std::move(made));
  const os::MountId id = TRY_CTX(os::MountIdOf(fd.get()), "mounts of running containers");
  return plan::MountedAt{.path = mount.destination, .mount_id = id.number, .unique = id.unique};
}

Result<int> Add(const Context& context, const Target& target, const std::vector<oci::Mount>& mounts) {
  const auto before = TRY(LoadRecords(target.dir));
  auto records = before;
  Status failed = Ok();
  for (std::size_t i = 0; failed.ok() && i < mounts.size(); ++i) {
    auto made = Mount(target, mounts[i]);
    if (made.ok()) {
      records.push_back(std::move(made).value());
      failed = SaveRecords(target.dir, records);
    } else {
      failed = std::move(made).error().Context("mount " + std::to_string(i + 1) + " of " +
                                               std::to_string(mounts.size()));
    }
  }
  if (failed.ok()) return 0;
  // All or none.
  while (records.size() > before.size()) {
    if (const Status undone = Unmount(target, records.back()); !undone.ok())
      context.reporter.Warning(undone.error().Message());
    records.pop_back();
  }
  TRY(SaveRecords(target.dir, records));
  return std::move(failed).error();
}

// Only what was added: whoever can say where a path leads inside could else have masks taken away.
Result<int> Remove(const Target& target, const std::vector<oci::Mount>& mounts) {
  auto records = TRY(LoadRecords(target.dir));
  for (const oci::Mount& mount : mounts) {
    const auto found =
        std::ranges::find(records.rbegin(), records.rend(), mount.destination, &plan::MountedAt::path);
    if (found == records.rend())
      return Error(Code::kNotFound, "no mount was added to the container at '" + mount.destination + "'");
    TRY(Unmount(target, *found));
    records.erase(std::next(found).base());
    TRY(SaveRecords(target.dir, records));
  }
  return 0;
}

}  // namespace

Result<int> MountsCommand(const Context& context) {
  const auto& words = context.flags.rest();
  if (words[0] != "add" && words[0] != "remove")
    return Error(Code::kInvalidArgument, "mounts: '" + words[0] + "' is neither add nor remove");
  const std::string text =
      TRY_CTX(words[2] == "-" ? os::ReadAll(0) : os::ReadFile(words[2]), "read the mounts");
  const std::vector<oci::Mount> mounts = TRY(oci::ParseMounts(text));
  if (mounts.empty()) return Error(Code::kInvalidArgument, "mounts: the list is empty");
  const Target target = TRY(OpenTarget(context));
  return words[0] == "add" ? Add(context, target, mounts) : Remove(target, mounts);
}

}  // namespace estiba::ocicli
