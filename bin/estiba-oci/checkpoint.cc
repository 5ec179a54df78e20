// checkpoint: a container's processes and memory as CRIU's images.

#include <cerrno>
#include <climits>
#include <charconv>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/text.h"
#include "codec/json.h"
#include "commands.h"
#include "criu_job.h"
#include "os/file.h"
#include "plan/checkpoint.h"
#include "remove.h"
#include "state_dir.h"

namespace estiba::ocicli {
namespace {

std::string Proc(const Snapshot& now, const std::string& name) {
  return "/proc/" + std::to_string(now.record.pid) + "/" + name;
}

std::string Hexadecimal(std::uint64_t number) {
  char digits[16];
  return std::string(digits, std::to_chars(digits, digits + sizeof digits, number, 16).ptr);
}

// Relative to the images: both are moved together.
Result<std::string> ParentPath(const CriuJob& job, const Flags& flags) {
  const std::string path = flags.Get("parent-path");
  if (path.empty()) return path;
  if (path.starts_with('/')) return Error(Code::kInvalidArgument, "--parent-path must be relative");
  TRY_CTX(os::OpenAt(job.images_fd(), path, O_PATH | O_DIRECTORY), "invalid --parent-path");
  return path;
}

Result<criu::PageServer> ParsePageServer(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == text.size())
    return Error(Code::kInvalidArgument, "Use --page-server ADDRESS:PORT to specify page server");
  criu::PageServer server;
  server.address = text.substr(0, colon);
  if (server.address.starts_with('[') && server.address.ends_with(']'))
    server.address = server.address.substr(1, server.address.size() - 2);
  server.port = static_cast<std::uint16_t>(TRY_CTX(ParseUint(text.substr(colon + 1), 65535), "--page-server"));
  return server;
}

// Where CRIU is to tell that the page server is ready; the descriptor is our caller's.
Result<int> StatusFd(const Flags& flags) {
  const auto number = TRY(flags.Number("status-fd"));
  if (!number || *number == -1) return -1;
  const int fd = static_cast<int>(*number);
  const int mode = ::fcntl(fd, F_GETFL);
  if (const int err = errno; mode < 0)
    return Error::Errno(err, "invalid --status-fd argument " + std::to_string(fd));
  if ((mode & O_ACCMODE) == O_RDONLY)
    return Error(Code::kInvalidArgument, "invalid --status-fd argument " + std::to_string(fd) + ": not writable");
  return fd;
}

Status AddExternalNamespaces(const oci::RuntimeSpec& spec, criu::Options& options) {
  for (const auto type : {oci::NamespaceType::kNetwork, oci::NamespaceType::kPid}) {
    const oci::Namespace* joined = oci::FindNamespace(spec.linux_config, type);
    if (joined == nullptr || joined->path.empty()) continue;
    struct stat info {};
    if (::stat(joined->path.c_str(), &info) != 0)
      return Error::Errno(errno, "look at namespace '" + joined->path + "'");
    options.external.push_back(std::string(ExternalNamespaceName(type)) + "[" + std::to_string(info.st_ino) +
                               "]:" + ExternalNamespaceKey(type));
  }
  return Ok();
}

// CRIU goes by mount points as the kernel shows them, without symbolic links on the way. Nothing when there is no such
// place; nothing for the mask of a directory, which is a file system of the container's own.
std::string MountPoint(int root, const plan::ExternalMount& mount) {
  const auto place = os::OpenInRoot({root}, mount.destination, O_PATH);
  if (!place.ok()) return "";
  struct stat info {};
  if (mount.is_mask && (::fstat(place->get(), &info) != 0 || S_ISDIR(info.st_mode))) return "";
  const auto path = os::PathOf(place->get());
  return path.ok() ? *path : "";
}

Status AddExternalMounts(const Snapshot& now, const plan::Plan& plan, criu::Options& options) {
  const auto mounts = TRY(plan::ExternalMounts(plan));
  const os::UniqueFd root = TRY(os::OpenAt({AT_FDCWD}, Proc(now, "root"), O_PATH | O_DIRECTORY));
  for (const plan::ExternalMount& mount : mounts) {
    const std::string point = MountPoint(root.get(), mount);
    if (!point.empty()) options.external_mounts.push_back({.key = point, .value = mount.name});
  }
  return Ok();
}

// Which CRIU treats in its own way (--shell-job): ttys, the console, pseudo-terminals (admin-guide/devices.rst).
bool IsTerminal(dev_t device) {
  constexpr unsigned kTty = 4, kConsole = 5, kFirstPts = 136, kLastPts = 143;
  const unsigned number = major(device);
  return number == kTty || number == kConsole || (number >= kFirstPts && number <= kLastPts);
}

// A file of the host as stdin, stdout or stderr (a log, /dev/null) by CRIU's name for it; "" for what the container can
// reach itself, and for what is no file.
Result<std::string> ExternalFile(const Snapshot& now, const std::string& fd, bool shell_job) {
  struct stat info {};
  if (::stat(Proc(now, "fd/" + fd).c_str(), &info) != 0) return std::string();  // closed
  if (!S_ISREG(info.st_mode) && !S_ISCHR(info.st_mode)) return std::string();
  const std::string about = TRY(os::ReadFile(Proc(now, "fdinfo/" + fd)));
  const std::string mounts = TRY(os::ReadFile(Proc(now, "mountinfo")));
  std::string id;
  for (const std::string& line : Split(about, '\n'))
    if (line.starts_with("mnt_id:")) id = Trim(line.substr(7));
  const std::uint64_t number = TRY_CTX(ParseUint(id), "read the mount of descriptor " + fd);
  if (("\n" + mounts).find("\n" + id + " ") != std::string::npos) return std::string();
  if (S_ISCHR(info.st_mode) && IsTerminal(info.st_rdev)) {
    if (shell_job) return std::string();
    return Error(Code::kFailedPrecondition, "its descriptor " + fd + " is a terminal of who started it")
        .Hint("--shell-job leaves that out; the container goes on at the terminal of restore --shell-job");
  }
  return "file[" + Hexadecimal(number) + ":" + Hexadecimal(info.st_ino) + "]";
}

// Says in the images what 0, 1 and 2 were.
Status DescribeStdio(const Snapshot& now, CriuJob& job) {
  codec::Json list = codec::Json::MakeArray();
  for (const std::string fd : {"0", "1", "2"}) {
    const std::string file = TRY(ExternalFile(now, fd, job.options.shell_job));
    if (!file.empty()) job.options.external.push_back(file);
    const auto link = os::ReadLink(Proc(now, "fd/" + fd));
    list.Append(!file.empty() ? file : link.ok() ? *link : std::string());
  }
  return os::ReplaceFile(job.images_fd(), kDescriptorsFile, list.Dump(), 0600);
}

// The v1 freezer's directory, or the unified one.
Result<std::string> FreezerPath(const Snapshot& now) {
  if (now.record.cgroup_path.empty()) return std::string();
  const auto group = TRY(OpenCgroup(now));
  const int freezer = group.controller_fd("freezer") >= 0 ? group.controller_fd("freezer") : group.unified_fd();
  if (freezer < 0) return std::string();
  return os::PathOf(freezer);
}

Status CheckFeatures(const CriuJob& job, bool pre_dump) {
  const criu::Features wanted = {.memory_tracking = pre_dump, .lazy_pages = job.options.lazy_pages};
  if (!wanted.memory_tracking && !wanted.lazy_pages) return Ok();
  const criu::Features found = TRY(criu::AskFeatures(job.program, wanted));
  if (wanted.memory_tracking && !found.memory_tracking)
    return Error(Code::kFailedPrecondition, "--pre-dump: CRIU is missing features: MemTrack")
        .Hint("the kernel does not track which memory is written (CONFIG_MEM_SOFT_DIRTY)");
  if (wanted.lazy_pages && !found.lazy_pages)
    return Error(Code::kFailedPrecondition, "--lazy-pages: CRIU is missing features: LazyPages")
        .Hint("the kernel's userfaultfd cannot do it (CONFIG_USERFAULTFD)");
  return Ok();
}

Status ReadDumpOptions(const Context& context, const Snapshot& now, const plan::Plan& plan,
                       const oci::RuntimeSpec& spec, CriuJob& job) {
  const Flags& flags = context.flags;
  criu::Options& options = job.options;
  options.pid = now.record.pid;
  options.root = now.record.rootfs;
  options.leave_running = flags.On("leave-running");
  options.tcp_skip_in_flight = flags.On("tcp-skip-in-flight");
  options.link_remap = flags.On("link-remap");
  options.parent_images = TRY(ParentPath(job, flags));
  options.track_memory = !options.parent_images.empty();
  options.freeze_cgroup = TRY(FreezerPath(now));
  if (flags.Has("page-server")) options.page_server = TRY(ParsePageServer(flags.Get("page-server")));
  TRY(AddExternalNamespaces(spec, options));
  if (flags.On("pre-dump")) return Ok();
  TRY(AddExternalMounts(now, plan, options));
  return DescribeStdio(now, job);
}

Status Dump(const CriuJob& job, bool pre_dump, int status_fd) {
  // What it says before it has opened its log goes to our own stderr.
  criu::Worker worker = TRY(criu::Worker::Start(job.program, {{2, 2}}));
  criu::Request request;
  request.type = pre_dump ? criu::Type::kPreDump : criu::Type::kDump;
  request.options = job.options;
  const auto notify = [&](const criu::Reply& told, os::UniqueFd) -> Status {
    if (told.script != "status-ready" || status_fd < 0) return Ok();
    TRY_CTX(os::WriteAll(status_fd, std::string_view("\0", 1)), "--status-fd");
    os::UniqueFd(std::exchange(status_fd, -1)).Reset();  // who waits at the other end sees it
    return Ok();
  };
  auto done = worker.Ask(request, notify);
  if (!done.ok()) return CriuFailure(job, done.error());
  // After a pre-dump CRIU waits for the next request: it ends with the worker.
  return pre_dump ? Ok() : worker.Finish();
}

}  // namespace

Result<int> CheckpointCommand(const Context& context) {
  const Flags& flags = context.flags;
  const StateDir dir = TRY(StateDir::Open(context.globals.root, flags.rest().front()));
  TRY(dir.Lock());
  const Snapshot now = TRY(Look(dir));
  if (now.status != "running" && now.status != "paused")
    return Error(Code::kFailedPrecondition, "container cannot be checkpointed in " + now.status + " state");
  const oci::RuntimeSpec spec = TRY(dir.LoadConfig());
  if (spec.landlock)  // CRIU knows nothing of it: what is restored would be free of it
    return Error(Code::kFailedPrecondition, "a container that Landlock restricts cannot be checkpointed");
  const plan::Plan plan = TRY(dir.LoadPlan());
  const bool pre_dump = flags.On("pre-dump");
  const int status_fd = TRY(StatusFd(flags));
  CriuJob job = TRY(PrepareCriu(context, spec, "dump"));
  TRY(ReadDumpOptions(context, now, plan, spec, job));
  TRY(CheckFeatures(job, pre_dump));
  TRY_CTX(Dump(job, pre_dump, status_fd), "checkpoint container '" + dir.id() + "'");
  if (pre_dump || job.options.leave_running) return 0;
  TRY(EndContainer(dir));
  TRY(RemoveContainer(dir, context.reporter));
  return 0;
}

}  // namespace estiba::ocicli
