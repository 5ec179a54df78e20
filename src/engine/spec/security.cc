#include "base/text.h"
#include "build.h"
#include "security/apparmor.h"
#include "security/capability.h"

namespace estiba::engine {
namespace {

using apitypes::HostConfig;

const std::vector<std::string> MaskedPaths() {
  return {"/proc/asound",     "/proc/acpi",       "/proc/interrupts",  "/proc/kcore",
          "/proc/keys",       "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
          "/proc/sched_debug", "/proc/scsi",      "/sys/firmware",     "/sys/devices/virtual/powercap"};
}

const std::vector<std::string> ReadonlyPaths() {
  return {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
}

// "All" is all there are to give; one asked for by name that we lack is refused when the container starts.
Result<security::CapabilitySet> CapabilitiesOf(const HostConfig& host, security::CapabilitySet ours) {
  if (host.privileged) return security::AllCapabilities() & ours;
  const security::CapabilitySet set =
      TRY(security::TweakCapabilities(security::DefaultCapabilities(), host.cap_add, host.cap_drop));
  for (const std::string& name : host.cap_add) {
    if (ToLower(name) == "all") return set & ours;
  }
  return set;
}

Result<bool> ParseTruth(const std::string& option, const std::string& value) {
  if (value.empty() || value == "true" || value == "1") return true;
  if (value == "false" || value == "0") return false;
  return Error(Code::kInvalidArgument, "invalid --security-opt 2: \"" + option + "\"");
}

}  // namespace

Result<SecurityOptions> ParseSecurityOptions(const std::vector<std::string>& options) {
  SecurityOptions parsed;
  for (const std::string& option : options) {
    // Docker before 1.11 wrote "key:value".
    const std::size_t equals = option.find('=');
    const std::size_t end = equals == std::string::npos ? option.find(':') : equals;
    const std::string key = option.substr(0, end);
    const std::string value = end == std::string::npos ? "" : option.substr(end + 1);
    if (key == "no-new-privileges") {
      parsed.no_new_privileges = TRY(ParseTruth(option, value));
    } else if (key == "seccomp" && !value.empty()) {
      parsed.seccomp_unconfined = value == "unconfined";
      parsed.seccomp_profile = value == "unconfined" || value == "builtin" ? "" : value;
    } else if (key == "systempaths" && value == "unconfined") {
      parsed.system_paths_unconfined = true;
    } else if (key == "apparmor" && end != std::string::npos) {
      parsed.apparmor_profile = value;
    } else if (key == "label" && end != std::string::npos) {
      parsed.labels.push_back(value);
    } else if (option == "disable") {  // of labels
      parsed.labels.push_back(option);
    } else {
      return Error(Code::kInvalidArgument, "invalid --security-opt 2: \"" + option + "\"");
    }
  }
  return parsed;
}

Result<std::string> ChooseAppArmorProfile(const HostConfig& host, const AppArmor::Use& use) {
  const SecurityOptions options = TRY(ParseSecurityOptions(host.security_opt));
  const std::string& named = options.apparmor_profile;
  if (named == "unconfined") return std::string(use.named ? "unconfined" : "");
  const bool ours = named.empty() || named == security::kDefaultAppArmorProfile;
  if (!named.empty() && (ours ? !use.by_default : !use.named)) {
    return Error(Code::kFailedPrecondition,
                 "--security-opt apparmor=" + named + ": the profile cannot be given: " + use.lacks)
        .Hint("leave the option away, or say apparmor=unconfined");
  }
  if (!named.empty()) return named;
  if (!use.by_default) return std::string();
  return std::string(host.privileged ? "unconfined" : security::kDefaultAppArmorProfile);
}

Status CheckSelinuxOptions(const HostConfig& host, bool selinux, std::vector<std::string>* warnings) {
  const SecurityOptions options = TRY(ParseSecurityOptions(host.security_opt));
  for (const std::string& label : options.labels) {
    if (label == "disable") continue;
    if (selinux) {
      return Error(Code::kNotImplemented,
                   "--security-opt label=" + label + ": this engine gives containers no SELinux labels")
          .Hint("leave the option away, or say label=disable");
    }
    warnings->push_back("--security-opt label=" + label + " is ignored: SELinux is not on here");
  }
  return Ok();
}

Result<std::shared_ptr<const ReadySeccomp>> SeccompOf(const ContainerRecord& record, const SpecContext& context) {
  const HostConfig& host = record.create.host_config;
  const SecurityOptions options = TRY(ParseSecurityOptions(host.security_opt));
  const bool unconfined = host.privileged || options.seccomp_unconfined;
  if (options.seccomp_profile.empty() && unconfined) return std::shared_ptr<const ReadySeccomp>();
  const security::CapabilitySet set = TRY_CTX(CapabilitiesOf(host, context.capabilities), "invalid capability");
  return context.seccomp->Get(options.seccomp_profile, set);
}

Status BuildSecurity(const ContainerRecord& record, const SpecContext& context, oci::RuntimeSpec& spec) {
  const HostConfig& host = record.create.host_config;
  const SecurityOptions options = TRY(ParseSecurityOptions(host.security_opt));
  const security::CapabilitySet set = TRY_CTX(CapabilitiesOf(host, context.capabilities), "invalid capability");
  oci::Capabilities capabilities;
  capabilities.bounding = security::CapabilityNames(set);
  // A process that is not root loses these at exec, as the kernel has it.
  capabilities.effective = capabilities.bounding;
  capabilities.permitted = capabilities.bounding;
  spec.process->capabilities = std::move(capabilities);
  spec.process->no_new_privileges = options.no_new_privileges;
  spec.process->apparmor_profile = context.apparmor_profile;

  oci::Linux& config = spec.linux_config;
  if (!host.privileged && !options.system_paths_unconfined) {
    config.masked_paths = host.masked_paths.value_or(MaskedPaths());
    config.readonly_paths = host.readonly_paths.value_or(ReadonlyPaths());
  }
  if (const auto seccomp = TRY(SeccompOf(record, context))) config.seccomp = seccomp->profile;
  return Ok();
}

}  // namespace estiba::engine
