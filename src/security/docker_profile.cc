// Profiles in Docker's format: rules with `includes` and `excludes` that are settled here for one container.

#include <algorithm>

#include "codec/json.h"
#include "codec/json_reader.h"
#include "oci/runtime_json.h"
#include "security/seccomp.h"

namespace estiba::security {
namespace {

struct Facts {
  std::vector<std::string> capabilities;
  std::string_view arch;  // Go's name
  KernelVersion kernel;
};

// `includes` or `excludes`.
struct Filter {
  std::vector<std::string> caps;
  std::vector<std::string> arches;
  std::optional<KernelVersion> min_kernel;
};

bool Contains(const std::vector<std::string>& list, std::string_view item) {
  return std::ranges::find(list, item) != list.end();
}

bool AtLeast(KernelVersion have, KernelVersion least) {
  return have.major != least.major ? have.major > least.major : have.minor >= least.minor;
}

Filter ReadFilter(codec::Reader& rule, const char* key) {
  Filter filter;
  rule.Object(key, [&](codec::Reader& in) {
    in.Read("caps", &filter.caps);
    in.Read("arches", &filter.arches);
    std::string kernel;
    in.Read("minKernel", &kernel);
    if (kernel.empty()) return;
    filter.min_kernel = ParseKernelVersion(kernel);
    if (filter.min_kernel->major == 0) in.Fail("minKernel", "invalid kernel version '" + kernel + "'");
  });
  return filter;
}

bool Included(const Filter& filter, const Facts& facts) {
  if (!filter.arches.empty() && !Contains(filter.arches, facts.arch)) return false;
  for (const std::string& cap : filter.caps)
    if (!Contains(facts.capabilities, cap)) return false;
  return !filter.min_kernel || AtLeast(facts.kernel, *filter.min_kernel);
}

bool Excluded(const Filter& filter, const Facts& facts) {
  if (Contains(filter.arches, facts.arch)) return true;
  for (const std::string& cap : filter.caps)
    if (Contains(facts.capabilities, cap)) return true;
  return filter.min_kernel && AtLeast(facts.kernel, *filter.min_kernel);
}

oci::SeccompAction ReadAction(codec::Reader& in, const char* key) {
  std::string name;
  in.Require(key, &name);
  if (!in.ok()) return oci::SeccompAction::kAllow;
  auto action = oci::ParseSeccompAction(name);
  if (action.ok()) return *action;
  in.Fail(key, "invalid action '" + name + "'");
  return oci::SeccompAction::kAllow;
}

void ReadArg(codec::Reader& in, oci::SeccompRule& rule) {
  oci::SeccompArg arg;
  std::string op;
  in.Read("index", &arg.index);
  in.Read("value", &arg.value);
  in.Read("valueTwo", &arg.value_two);
  in.Read("op", &op);
  if (!in.ok()) return;
  auto parsed = oci::ParseSeccompOp(op);
  if (!parsed.ok()) return in.Fail("op", "invalid operator '" + op + "'");
  arg.op = *parsed;
  if (arg.index > 5) return in.Fail("index", "above 5");
  rule.args.push_back(arg);
}

void ReadRule(codec::Reader& in, const Facts& facts, oci::Seccomp& profile) {
  oci::SeccompRule rule;
  std::string name;
  in.Read("name", &name);
  in.Read("names", &rule.names);
  if (!name.empty() && !rule.names.empty())
    return in.Fail(
        "name", "both 'name' and 'names' are specified in the seccomp profile, use either 'name' or 'names'");
  if (!name.empty()) rule.names.push_back(name);
  rule.action = ReadAction(in, "action");
  in.Read("errnoRet", &rule.errno_ret);
  in.EachObject("args", [&](codec::Reader& arg) { ReadArg(arg, rule); });
  const Filter includes = ReadFilter(in, "includes");
  const Filter excludes = ReadFilter(in, "excludes");
  if (in.ok() && !rule.names.empty() && Included(includes, facts) && !Excluded(excludes, facts))
    profile.syscalls.push_back(std::move(rule));
}

void ReadArchitectures(codec::Reader& in, Arch native, oci::Seccomp& profile) {
  in.Read("architectures", &profile.architectures);
  bool map = false;
  in.EachObject("archMap", [&](codec::Reader& entry) {
    map = true;
    std::string name;
    std::vector<std::string> others;
    entry.Read("architecture", &name);
    entry.Read("subArchitectures", &others);
    if (!entry.ok() || name != ArchName(native)) return;
    profile.architectures.push_back(name);
    profile.architectures.insert(profile.architectures.end(), others.begin(), others.end());
  });
  std::vector<std::string> listed;
  in.Read("architectures", &listed);
  if (map && !listed.empty())
    in.Fail("archMap",
            "both 'architectures' and 'archMap' are specified in the seccomp profile, use either "
            "'architectures' or 'archMap'");
}

}  // namespace

Result<oci::Seccomp> ParseDockerSeccomp(std::string_view json, CapabilitySet capabilities, Arch native,
                                        KernelVersion kernel) {
  constexpr std::size_t kMostBytes = 4U << 20;
  const codec::Json document =
      TRY_CTX(codec::ParseJson(json, {.depth = 32, .bytes = kMostBytes}), "decode seccomp profile");
  const Facts facts{.capabilities = CapabilityNames(capabilities),
                    .arch = native == Arch::kAarch64 ? "arm64" : "amd64",
                    .kernel = kernel};
  oci::Seccomp profile;
  codec::Reader in(document, "seccomp profile");
  profile.default_action = ReadAction(in, "defaultAction");
  in.Read("defaultErrnoRet", &profile.default_errno_ret);
  in.Read("listenerPath", &profile.listener_path);
  in.Read("listenerMetadata", &profile.listener_metadata);
  in.Read("flags", &profile.flags);
  ReadArchitectures(in, native, profile);
  in.EachObject("syscalls", [&](codec::Reader& rule) { ReadRule(rule, facts, profile); });
  TRY(in.Finish());
  return profile;
}

}  // namespace estiba::security
