// restore: a container from CRIU's images.

#include <cerrno>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>

#include "base/text.h"
#include "codec/json.h"
#include "commands.h"
#include "criu_job.h"
#include "foreground.h"
#include "launch.h"
#include "oci/runtime_json.h"
#include "os/file.h"
#include "os/mountns.h"
#include "os/process.h"
#include "plan/checkpoint.h"
#include "remove.h"
#include "runtime/container.h"
#include "runtime/restoration.h"
#include "state_dir.h"

namespace estiba::ocicli {
namespace {

constexpr const char* kRoot = "criu-root";  // in the state folder: where CRIU finds the container's root

// One container on its way back.
struct Restore {
  const Context& context;
  Bundle bundle;
  plan::Plan plan;
  cgroup::Hierarchies cgroups;
  StateDir dir;
  CriuJob job;
  runtime::Restoration host;
  std::vector<os::UniqueFd> kept;           // namespaces
  std::vector<std::pair<int, int>> fds;     // of the worker
  pid_t pid = 0;
  os::UniqueFd terminal;
};

// CRIU seeks in what was a file: a pipe cannot stand in for it.
Status CheckSeekable(int fd) {
  constexpr const char* kNames[] = {"stdin", "stdout", "stderr"};
  if (::lseek(fd, 0, SEEK_CUR) >= 0 || errno != ESPIPE || ::isatty(fd) == 1) return Ok();
  return Error(Code::kFailedPrecondition,
               std::string("its ") + kNames[fd] + " was a file or device when it was saved, and is a pipe or socket")
      .Hint("redirect it to a file or /dev/null");
}

// Stdin, stdout and stderr that were pipes or files of the host are ours now.
Status InheritStdio(Restore& restore) {
  const std::string text = TRY(os::ReadFileAt(restore.job.images_fd(), kDescriptorsFile));
  const codec::Json list = TRY_CTX(codec::ParseJson(text), kDescriptorsFile);
  if (!list.IsArray()) return Error(Code::kDataLoss, std::string(kDescriptorsFile) + ": is no list");
  const auto& entries = *list.IfArray();
  for (int fd = 0; fd < 3 && static_cast<std::size_t>(fd) < entries.size(); ++fd) {
    const std::string* name = entries[static_cast<std::size_t>(fd)].IfString();
    if (name == nullptr || !(name->starts_with("pipe:") || name->starts_with("file["))) continue;
    if (name->starts_with("file[")) TRY(CheckSeekable(fd));
    restore.job.options.inherit.push_back({.key = *name, .fd = fd});
  }
  restore.fds = {{0, 0}, {1, 1}, {2, 2}};
  return Ok();
}

// CRIU reads the images as the container's root too.
Status CheckImagesMode(const Restore& restore) {
  const oci::Linux& config = restore.bundle.spec.linux_config;
  if (!oci::HasNewNamespace(config, oci::NamespaceType::kUser) || config.uid_mappings.empty()) return Ok();
  const std::uint32_t root = config.uid_mappings.front().host_id;
  struct stat info {};
  if (::fstat(restore.job.images_dir.get(), &info) != 0) return Error::Errno(errno, "look at --image-path");
  constexpr unsigned kOpen = S_IROTH | S_IXOTH;
  if (info.st_uid == root || (info.st_mode & kOpen) == kOpen) return Ok();
  return Error(Code::kFailedPrecondition, "--image-path: '" + restore.job.images + "' must be open to uid " +
                                              std::to_string(root) + ", the container's root")
      .Hint("chmod -R go+rX, or give the folder and its files to that user");
}

const char* JoinName(oci::NamespaceType type) {
  switch (type) {
    case oci::NamespaceType::kIpc: return "ipc";
    case oci::NamespaceType::kUts: return "uts";
    case oci::NamespaceType::kUser: return "user";
    case oci::NamespaceType::kTime: return "time";
    default: return nullptr;
  }
}

Status UseNamespaces(Restore& restore) {
  for (const oci::Namespace& joined : restore.bundle.spec.linux_config.namespaces) {
    if (joined.path.empty()) continue;
    if (joined.type == oci::NamespaceType::kNetwork || joined.type == oci::NamespaceType::kPid) {
      restore.kept.push_back(TRY(os::OpenAt({AT_FDCWD}, joined.path, O_RDONLY)));
      const int there = criu::Worker::kFirstFreeFd + static_cast<int>(restore.kept.size()) - 1;
      restore.fds.emplace_back(restore.kept.back().get(), there);
      restore.job.options.inherit.push_back({.key = ExternalNamespaceKey(joined.type), .fd = there});
    } else if (const char* name = JoinName(joined.type)) {
      restore.job.options.join_namespaces.push_back({.key = name, .value = joined.path});
    } else {
      return Error(Code::kNotImplemented, std::string("linux.namespaces: CRIU cannot join a ") +
                                              oci::NamespaceName(joined.type) + " namespace ('" + joined.path + "')");
    }
  }
  return Ok();
}

Status NameExternalMounts(Restore& restore) {
  const auto mounts = TRY(plan::ExternalMounts(restore.plan));
  std::optional<cgroup::Cgroup> group;
  for (const plan::ExternalMount& mount : mounts) {
    std::string source = mount.source;
    if (mount.is_cgroup) {
      if (!group) group = TRY(cgroup::Cgroup::Open(restore.cgroups, restore.plan.cgroup_path));
      const int directory = group->controller_fd(mount.source);
      if (directory < 0) continue;
      source = TRY(os::PathOf(directory));
    }
    restore.job.options.external_mounts.push_back({.key = mount.name, .value = source});
  }
  return Ok();
}

// "cpu,cpuacct:/path" of each of the worker's cgroups: those of the image are put there.
Status NameCgroups(pid_t worker, criu::Options& options) {
  const std::string text = TRY(os::ReadFile("/proc/" + std::to_string(worker) + "/cgroup"));
  for (const std::string& line : Split(text, '\n')) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    for (const std::string& controller : Split(line.substr(first + 1, second - first - 1), ','))
      options.cgroup_roots.push_back({.key = controller, .value = line.substr(second + 1)});
  }
  return Ok();
}

// CRIU puts the processes into a time namespace: exec must find it.
Status NoteTimeNamespace(Restore& restore) {
  oci::Linux& config = restore.bundle.spec.linux_config;
  if (oci::FindNamespace(config, oci::NamespaceType::kTime) != nullptr) return Ok();
  struct stat ours {};
  struct stat theirs {};
  const std::string path = "/proc/" + std::to_string(restore.pid) + "/ns/time";
  if (::stat("/proc/self/ns/time", &ours) != 0 || ::stat(path.c_str(), &theirs) != 0) return Ok();  // before Linux 5.6
  if (ours.st_ino == theirs.st_ino) return Ok();
  config.namespaces.push_back({.type = oci::NamespaceType::kTime});
  return restore.dir.SaveConfig(oci::WriteRuntimeSpec(restore.bundle.spec));
}

Status Restored(Restore& restore) {
  TRY(NoteTimeNamespace(restore));
  const auto start_time = TRY(os::StartTime(restore.pid));
  TRY(restore.dir.Save(RecordOf(restore.bundle, restore.plan, restore.pid, start_time)));
  return WritePidFile(restore.context.flags, restore.pid);
}

Status Told(Restore& restore, const criu::Reply& told, os::UniqueFd fd) {
  if (told.script == "setup-namespaces") return restore.host.SetUpNamespaces(told.script_pid);
  if (told.script == "post-restore") {
    restore.pid = told.script_pid;
    return Restored(restore);
  }
  if (told.script != "orphan-pts-master") return Ok();
  if (restore.context.flags.Has("console-socket")) return SendConsole(restore.context.flags, fd.get());
  restore.terminal = std::move(fd);
  return Ok();
}

// CRIU wants a root that is a mount, and whose parent nothing covers.
Result<criu::Worker> StartWorker(Restore& restore) {
  const std::string root = restore.context.globals.root + "/" + restore.dir.id() + "/" + kRoot;
  TRY(os::EnsureDirectory(root, 0700));
  restore.job.options.root = TRY(Absolute(root));
  std::optional<criu::Worker> worker;
  const auto start = [&]() -> Status {
    TRY(os::BindTree(restore.bundle.rootfs, restore.job.options.root));
    TRY(OpenFolders(restore.job));  // by mounts that CRIU sees
    worker = TRY(criu::Worker::Start(restore.job.program, restore.fds));
    return Ok();
  };
  TRY(os::InPrivateMounts(start));
  return std::move(*worker);
}

Status RunCriu(Restore& restore) {
  criu::Worker worker = TRY(StartWorker(restore));
  TRY(restore.host.Admit(worker.pid()));
  TRY(NameCgroups(worker.pid(), restore.job.options));
  criu::Request request;
  request.type = criu::Type::kRestore;
  request.options = restore.job.options;
  auto done = worker.Ask(request, [&](const criu::Reply& told, os::UniqueFd fd) {
    return Told(restore, told, std::move(fd));
  });
  if (!done.ok()) return CriuFailure(restore.job, done.error());
  return worker.Finish();
}

Status ReadRestoreOptions(Restore& restore) {
  criu::Options& options = restore.job.options;
  options.evasive_devices = true;
  options.restore_as_sibling = true;
  options.tcp_close = restore.context.flags.On("tcp-close");
  TRY(CheckImagesMode(restore));
  TRY(InheritStdio(restore));
  TRY(UseNamespaces(restore));
  return NameExternalMounts(restore);
}

Result<Restore> Begin(const Context& context, bool detached) {
  const std::string& id = context.flags.rest().front();
  TRY(CheckId(id));
  Bundle bundle = TRY(LoadBundle(context.flags));
  if (!bundle.spec.process) return Error(Code::kInvalidArgument, "process: missing");
  TRY(CheckConsole(context.flags, bundle.spec.process->terminal, detached));
  CriuJob job = TRY(PrepareCriu(context, bundle.spec, "restore"));
  if (context.flags.On("no-pivot"))
    context.reporter.Warning("--no-pivot: how a restored container enters its root is CRIU's to say");
  plan::HostFacts facts = TRY(AskHost(context.globals));
  if (bundle.spec.linux_config.intel_rdt) TRY(runtime::FindResctrl(facts));
  const plan::ContainerInput input = TRY(InputOf(context, bundle, id, facts));
  plan::Plan plan = TRY(plan::BuildContainer(input, facts));
  Report(plan, context.reporter);
  StateDir dir = TRY(StateDir::Create(context.globals.root, id));
  auto host = runtime::Restoration::Begin(plan);
  if (!host.ok()) {
    if (const Status removed = dir.Remove(); !removed.ok()) context.reporter.Warning(removed.error().Message());
    return std::move(host).error();
  }
  return Restore{.context = context,
                 .bundle = std::move(bundle),
                 .plan = std::move(plan),
                 .cgroups = std::move(facts.cgroups),
                 .dir = std::move(dir),
                 .job = std::move(job),
                 .host = std::move(*host),
                 .kept = {},
                 .fds = {},
                 .terminal = {}};
}

Status Work(Restore& restore) {
  TRY(restore.dir.SaveConfig(restore.bundle.text));
  TRY(restore.dir.SavePlan(restore.plan));
  TRY(ReadRestoreOptions(restore));
  TRY(RunCriu(restore));
  restore.host.Keep();
  return Ok();
}

}  // namespace

Result<int> RestoreCommand(const Context& context) {
  const Flags& flags = context.flags;
  const bool detached = flags.On("detach");
  std::optional<Foreground> foreground;
  if (!detached) foreground.emplace(TRY(Foreground::Begin(!flags.On("no-subreaper"))));
  Restore restore = TRY(Begin(context, detached));
  if (Status done = Work(restore); !done.ok()) {
    if (const Status removed = restore.dir.Remove(); !removed.ok())
      context.reporter.Warning(removed.error().Message());
    return std::move(done).error().Context("restore container '" + restore.dir.id() + "'");
  }
  os::Process process(restore.pid, TRY(os::OpenPidfd(restore.pid)));
  if (detached) {
    process.Detach();
    return 0;
  }
  restore.dir.Unlock();
  const int code = TRY(foreground->Stay(std::move(process), std::move(restore.terminal)));
  TRY(RemoveEnded(restore.dir, restore.plan, restore.cgroups, context.reporter));
  return code;
}

}  // namespace estiba::ocicli
