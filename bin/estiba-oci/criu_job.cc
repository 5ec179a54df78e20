#include "criu_job.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "criu/log.h"
#include "os/features.h"
#include "os/file.h"

namespace estiba::ocicli {
namespace {

constexpr int kOldestVersion = 31500;      // external pid namespaces, "status-ready"
constexpr int kLsmVersion = 31600;         // changing the profile works from here on
constexpr std::size_t kMostLog = 8 << 20;
constexpr std::size_t kQuotedErrors = 8;
constexpr const char* kConfigAnnotation = "org.criu.config";
constexpr const char* kConfigFiles[] = {"/etc/criu/estiba-oci.conf", "/etc/criu/runc.conf"};

Result<criu::CgroupMode> CgroupModeOf(const Flags& flags) {
  const std::string mode = flags.Get("manage-cgroups-mode");
  if (mode.empty()) return criu::CgroupMode::kDefault;
  if (mode == "soft") return criu::CgroupMode::kSoft;
  if (mode == "full") return criu::CgroupMode::kFull;
  if (mode == "strict") return criu::CgroupMode::kStrict;
  if (mode == "ignore") return criu::CgroupMode::kIgnore;
  return Error(Code::kInvalidArgument,
               "invalid manage-cgroups-mode value '" + mode + "': soft, full, strict or ignore");
}

// "" when the annotation says none.
std::string ConfigFile(const oci::RuntimeSpec& spec) {
  for (const auto& [key, value] : spec.annotations)
    if (key == kConfigAnnotation) return value;
  const auto* found = std::ranges::find_if(kConfigFiles, [](const char* path) { return ::access(path, F_OK) == 0; });
  return found == std::end(kConfigFiles) ? "" : *found;
}

Status ReadLsm(const Flags& flags, const criu::Version& version, criu::Options& options) {
  for (const char* name : {"lsm-profile", "lsm-mount-context"})
    if (flags.Has(name) && version.Number() < kLsmVersion)
      return Error(Code::kFailedPrecondition,
                   std::string("--") + name + " requires at least CRIU 3.16; this is " + version.Text());
  options.lsm_profile = flags.Get("lsm-profile");
  options.lsm_mount_context = flags.Get("lsm-mount-context");
  return Ok();
}

Status ReadOptions(const Flags& flags, const oci::RuntimeSpec& spec, CriuJob& job) {
  criu::Options& options = job.options;
  for (const std::string& name : flags.All("empty-ns"))
    if (name != "network")
      return Error(Code::kInvalidArgument, "--empty-ns: namespace '" + name + "' is not supported");
  // Devices and addresses are whoever's who made the network: never in the image.
  options.empty_namespaces = CLONE_NEWNET;
  options.cgroups = TRY(CgroupModeOf(flags));
  options.tcp_established = flags.On("tcp-established");
  options.ext_unix_sockets = flags.On("ext-unix-sk");
  options.shell_job = flags.On("shell-job");
  options.file_locks = flags.On("file-locks");
  options.auto_dedup = flags.On("auto-dedup");
  options.lazy_pages = flags.On("lazy-pages");
  // Hosts with nftables alone; CRIU itself speaks to the kernel then.
  if (!os::FindProgram("iptables-restore").ok()) options.network_lock = criu::NetworkLock::kNftables;
  // CRIU would make a master for the terminal that --shell-job means too, and crash (4.1.1).
  const bool own_terminal = spec.process && spec.process->terminal;
  options.orphan_pts_master = own_terminal || !options.shell_job;
  options.notify_scripts = true;
  options.log_level = 4;
  options.config_file = ConfigFile(spec);
  return ReadLsm(flags, job.version, options);
}

}  // namespace

Result<CriuJob> PrepareCriu(const Context& context, const oci::RuntimeSpec& spec, const std::string& verb) {
  if (::geteuid() != 0 || !os::ProbeFeatures().first_user_namespace)
    context.reporter.Warning("checkpoint and restore are untested with rootless containers");
  CriuJob job;
  const Flags& flags = context.flags;
  job.program = TRY(criu::FindProgram());
  job.version = TRY(criu::AskVersion(job.program));
  if (job.version.Number() < kOldestVersion)
    return Error(Code::kFailedPrecondition,
                 "'" + job.program + "' is CRIU " + job.version.Text() + ": 3.15 or later is needed")
        .Hint("install a newer CRIU (Debian: the package 'criu')");
  TRY(ReadOptions(flags, spec, job));
  job.images = flags.Has("image-path") ? flags.Get("image-path") : "checkpoint";
  job.work = flags.Has("work-path") ? flags.Get("work-path") : job.images;
  TRY_CTX(os::EnsureDirectory(job.images, 0700), "--image-path");
  TRY_CTX(os::EnsureDirectory(job.work, 0700), "--work-path");
  TRY(OpenFolders(job));
  job.options.log_file = verb + ".log";
  job.log = job.work + "/" + job.options.log_file;
  return job;
}

Status OpenFolders(CriuJob& job) {
  job.images_dir = TRY_CTX(os::OpenAt({AT_FDCWD}, job.images, O_RDONLY | O_DIRECTORY), "--image-path");
  job.work_dir = TRY_CTX(os::OpenAt({AT_FDCWD}, job.work, O_RDONLY | O_DIRECTORY), "--work-path");
  job.options.images_dir = job.images_dir.get();
  job.options.work_dir = job.work_dir.get();
  return Ok();
}

Error CriuFailure(const CriuJob& job, const Error& error) {
  const auto log = os::ReadFileAt({job.work_dir.get()}, job.options.log_file, kMostLog);
  const std::string said = log.ok() ? criu::LastErrors(*log, kQuotedErrors) : "";
  if (said.empty()) return error.Clone();
  const std::string text = error.Message() + "; its log has: " + Join(Split(said, '\n'), "; ");
  // Of "kerndat", what CRIU asks of the kernel before anything else.
  if (said.find("initializing kerndat") != std::string::npos)
    return Error(error.code(), text)
        .Hint("CRIU " + job.version.Text() + " cannot work with this kernel ('criu check'): install another version; "
              "all of its log is in '" + job.log + "'");
  return Error(error.code(), text).Hint("all of it is in '" + job.log + "'");
}

const char* ExternalNamespaceName(oci::NamespaceType type) {
  return type == oci::NamespaceType::kNetwork ? "net" : "pid";
}

std::string ExternalNamespaceKey(oci::NamespaceType type) {
  return type == oci::NamespaceType::kNetwork ? "extRootNetNS" : "extRootPidNS";
}

}  // namespace estiba::ocicli
