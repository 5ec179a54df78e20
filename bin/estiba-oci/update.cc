// update: other limits for a running container.

#include <algorithm>

#include "base/parse.h"
#include "cgroup/cgroup.h"
#include "cgroup/scope.h"
#include "cgroup/systemd.h"
#include "commands.h"
#include "oci/resources.h"
#include "oci/runtime_json.h"
#include "os/file.h"
#include "runtime/container.h"
#include "state_dir.h"

namespace estiba::ocicli {
namespace {

// "512m": bytes with a binary suffix; -1 stands for none.
Result<std::int64_t> ParseSize(const std::string& flag, const std::string& text) {
  if (text == "-1") return std::int64_t{-1};
  std::uint64_t factor = 1;
  std::string digits = text;
  if (!digits.empty() && (digits.back() == 'b' || digits.back() == 'B')) digits.pop_back();
  if (!digits.empty()) {
    switch (digits.back()) {
      case 'k': case 'K': factor = 1ULL << 10; break;
      case 'm': case 'M': factor = 1ULL << 20; break;
      case 'g': case 'G': factor = 1ULL << 30; break;
      case 't': case 'T': factor = 1ULL << 40; break;
      default: break;
    }
  }
  if (factor != 1) digits.pop_back();
  const auto number = TRY_CTX(ParseUint(digits, static_cast<std::uint64_t>(INT64_MAX) / factor), "--" + flag);
  return static_cast<std::int64_t>(number * factor);
}

template <typename T>
Status ReadNumber(const Flags& flags, const char* name, std::optional<T>& out) {
  const auto number = TRY(flags.Number(name));
  if (!number) return Ok();
  if (*number < 0 && std::is_unsigned_v<T>)
    return Error(Code::kInvalidArgument, std::string("--") + name + ": " + std::to_string(*number) + " is negative");
  if (!std::in_range<T>(*number))
    return Error(Code::kOutOfRange, std::string("--") + name + ": " + std::to_string(*number) + " is out of range");
  out = static_cast<T>(*number);
  return Ok();
}

Status ReadSize(const Flags& flags, const char* name, std::optional<std::int64_t>& out) {
  if (!flags.Has(name)) return Ok();
  out = TRY(ParseSize(name, flags.Get(name)));
  return Ok();
}

Result<oci::Resources> FromFlags(const Flags& flags) {
  oci::Resources resources;
  TRY(ReadSize(flags, "memory", resources.memory.limit));
  TRY(ReadSize(flags, "memory-reservation", resources.memory.reservation));
  TRY(ReadSize(flags, "memory-swap", resources.memory.swap));
  TRY(ReadSize(flags, "kernel-memory", resources.memory.kernel));
  TRY(ReadSize(flags, "kernel-memory-tcp", resources.memory.kernel_tcp));
  TRY(ReadNumber(flags, "cpu-period", resources.cpu.period));
  TRY(ReadNumber(flags, "cpu-quota", resources.cpu.quota));
  TRY(ReadNumber(flags, "cpu-burst", resources.cpu.burst));
  TRY(ReadNumber(flags, "cpu-share", resources.cpu.shares));
  TRY(ReadNumber(flags, "cpu-rt-period", resources.cpu.realtime_period));
  TRY(ReadNumber(flags, "cpu-rt-runtime", resources.cpu.realtime_runtime));
  TRY(ReadNumber(flags, "cpu-idle", resources.cpu.idle));
  TRY(ReadNumber(flags, "pids-limit", resources.pids_limit));
  TRY(ReadNumber(flags, "blkio-weight", resources.block_io.weight));
  resources.cpu.cpus = flags.Get("cpuset-cpus");
  resources.cpu.mems = flags.Get("cpuset-mems");
  return resources;
}

Result<oci::Resources> ResourcesOf(const Flags& flags) {
  const std::string file = flags.Get("resources");
  if (file.empty()) return FromFlags(flags);
  const std::string text = TRY_CTX(file == "-" ? os::ReadAll(0) : os::ReadFile(file), "--resources");
  return oci::ParseResources(text);
}

bool SameRules(const std::vector<oci::DeviceRule>& a, const std::vector<oci::DeviceRule>& b) {
  return std::ranges::equal(a, b, [](const oci::DeviceRule& x, const oci::DeviceRule& y) {
    return x.allow == y.allow && x.type == y.type && x.major == y.major && x.minor == y.minor && x.access == y.access;
  });
}

// Callers send the whole list with every update: it is only replaced when it is another, or `lost`: systemd has written
// its own.
Status UpdateDevices(const cgroup::Cgroup& group, const oci::Resources& before, oci::Resources after, bool lost) {
  if (SameRules(before.devices, after.devices) && !lost) return Ok();
  for (oci::DeviceRule& rule : cgroup::DefaultDeviceRules()) after.devices.push_back(std::move(rule));
  return group.ApplyDevices(after.devices);
}

// linux.intelRdt's own limits, kept for the next update like the others.
Status UpdateRdt(const Flags& flags, const plan::Plan& plan, std::optional<oci::IntelRdt>& rdt) {
  if (!flags.Has("l3-cache-schema") && !flags.Has("mem-bw-schema")) return Ok();
  oci::IntelRdt after = rdt.value_or(oci::IntelRdt{});
  if (flags.Has("l3-cache-schema")) after.l3_cache_schema = flags.Get("l3-cache-schema");
  if (flags.Has("mem-bw-schema")) after.mem_bw_schema = flags.Get("mem-bw-schema");
  std::vector<std::string> schemata;
  for (const std::string& schema : {after.l3_cache_schema, after.mem_bw_schema})
    if (!schema.empty()) schemata.push_back(schema);
  TRY(runtime::UpdateResctrl(plan, schemata));
  rdt = std::move(after);
  return Ok();
}

// systemd writes what it knows of a unit again whenever it reloads.
Status UpdateScope(const plan::Step& start, const oci::Resources& after) {
  auto systemd = TRY(cgroup::Systemd::Connect(start.numbers.at(0) != 0));
  const int version = TRY(systemd.Version());
  const auto limits = TRY(cgroup::LimitProperties(after, version));
  return systemd.SetProperties(start.text.at(0), limits);
}

// On v1 systemd denies every device before it allows some again, whatever is changed: a program that opens one at that
// moment would be refused (runc, "freezeBeforeSet").
Status UpdateLegacyScope(const plan::Step& start, const cgroup::Cgroup& group, bool device_files,
                         const oci::Resources& after) {
  auto systemd = TRY(cgroup::Systemd::Connect(/*user=*/false));
  auto properties = TRY(cgroup::LegacyLimitProperties(after));
  if (!device_files) return systemd.SetProperties(start.text.at(0), properties);
  for (std::string& property : cgroup::DeviceProperties(after.devices)) properties.push_back(std::move(property));
  const bool frozen = TRY(group.Frozen());
  if (!frozen) TRY(group.Freeze());
  Status done = systemd.SetProperties(start.text.at(0), properties);
  if (!frozen) TRY(group.Thaw());
  return done;
}

}  // namespace

Result<int> UpdateCommand(const Context& context) {
  const oci::Resources change = TRY(ResourcesOf(context.flags));
  const StateDir dir = TRY(StateDir::Open(context.globals.root, context.flags.rest().front()));
  TRY(dir.Lock());
  const Snapshot now = TRY(Look(dir));
  if (!now.Alive()) return Error(Code::kFailedPrecondition, "container not running");
  const auto group = TRY(OpenCgroup(now));
  // The kernel wants some settings together (memory and swap, quota and period): each update is on top of those before.
  oci::RuntimeSpec config = TRY(dir.LoadConfig());
  const oci::Resources before = config.linux_config.resources;
  oci::Resources after = oci::MergeResources(before, change);
  // Asked of this update, not of those before it.
  after.memory.check_before_update = change.memory.check_before_update;
  const plan::Plan plan = TRY(dir.LoadPlan());
  const plan::Step* scope = plan::ScopeStart(plan);
  cgroup::Hierarchies hierarchies = now.cgroups ? *now.cgroups : TRY(cgroup::Probe());
  if (scope != nullptr) TRY(cgroup::UseRootControllers(hierarchies));
  const auto writes = TRY(cgroup::Settings(after, hierarchies));
  TRY(UpdateRdt(context.flags, plan, config.linux_config.intel_rdt));
  const bool legacy = scope != nullptr && hierarchies.mode != cgroup::Mode::kUnified;
  const bool device_files = legacy && !hierarchies.device_programs;
  if (legacy) {
    TRY(UpdateLegacyScope(*scope, group, device_files, after));
  } else if (scope != nullptr) {
    TRY(UpdateScope(*scope, after));
  }
  TRY(group.Apply(writes));
  TRY(UpdateDevices(group, before, after, device_files));
  config.linux_config.resources = std::move(after);
  TRY(dir.SaveConfig(oci::WriteRuntimeSpec(config)));
  return 0;
}

}  // namespace estiba::ocicli
