// AppArmor's profile and SELinux's label of a program, and the label of what it mounts.

#include <fcntl.h>

#include "builder.h"

namespace estiba::plan {
namespace {

constexpr const char* kAppArmorField = "process.apparmorProfile";
constexpr const char* kSelinuxField = "process.selinuxLabel";

Error Off(const char* field, const std::string& label, const char* module) {
  return Error(Code::kFailedPrecondition,
               std::string(field) + ": '" + label + "' cannot be set: " + module + " is not on here");
}

// Where AppArmor is off, everything is.
bool Wants(const oci::Process& process, const HostFacts& facts) {
  return !process.apparmor_profile.empty() && (facts.kernel.apparmor || process.apparmor_profile != "unconfined");
}

int Open(Builder& b, const char* field, const char* path) {
  const int slot = b.NewSlot();
  b.Child(child::Op::kOpenProc, field, {path}, {O_WRONLY}).out = slot;
  return slot;
}

}  // namespace

Status CheckLabels(const oci::Process& process, const HostFacts& facts) {
  if (Wants(process, facts) && !facts.kernel.apparmor) {
    return Off(kAppArmorField, process.apparmor_profile, "AppArmor");
  }
  if (!process.selinux_label.empty() && !facts.kernel.selinux) {
    return Off(kSelinuxField, process.selinux_label, "SELinux");
  }
  return Ok();
}

Status CheckMountLabel(const oci::RuntimeSpec& spec, const HostFacts& facts) {
  const std::string& label = spec.linux_config.mount_label;
  if (label.empty() || facts.kernel.selinux) return Ok();
  return Off("linux.mountLabel", label, "SELinux");
}

LabelFiles OpenLabelFiles(Builder& b, const oci::Process& process, bool session_keyring) {
  LabelFiles files;
  if (Wants(process, b.facts())) files.apparmor = Open(b, kAppArmorField, "self/attr/apparmor/exec");
  if (process.selinux_label.empty()) return files;
  files.selinux = Open(b, kSelinuxField, "self/attr/exec");
  if (session_keyring) files.keyring = Open(b, kSelinuxField, "self/attr/keycreate");
  return files;
}

void WriteLabels(Builder& b, const oci::Process& process, const LabelFiles& files) {
  const auto write = [&](int slot, const char* field, const std::string& label) {
    if (slot != kNoSlot) b.Child(child::Op::kWriteSlot, field, {label}).in = {slot};
  };
  write(files.apparmor, kAppArmorField, "exec " + process.apparmor_profile);
  write(files.selinux, kSelinuxField, process.selinux_label);
  // The keyring made next is the program's; the kernel forgets this label at exec.
  write(files.keyring, kSelinuxField, process.selinux_label);
}

}  // namespace estiba::plan
