// cp: files between containers and the user.

#include <atomic>
#include <chrono>
#include <cstdio>

#include <fcntl.h>
#include <unistd.h>

#include "apitypes/path_stat.h"
#include "base/path.h"
#include "client/host_copier.h"
#include "codec/base64.h"
#include "commands/commands.h"
#include "commands/copy_progress.h"
#include "commands/copy_rules.h"
#include "os/file.h"
#include "term/terminal.h"
#include "text/units.h"

namespace estiba::cli {
namespace {

constexpr Flag kFlags[] = {
    {'a', "archive", Kind::kBool, "", "Archive mode (copy all uid/gid information)"},
    {'L', "follow-link", Kind::kBool, "", "Always follow symlinks in SRC_PATH"},
    {'q', "quiet", Kind::kBool, "",
     "Suppress progress output during copy. Progress output is automatically suppressed if no terminal is attached"},
};
constexpr const char* kStatField = "X-Docker-Container-Path-Stat";

Result<os::Pipe> MakeWidePipe() {
  constexpr int kBytes = 1 << 20;
  os::Pipe pipe = TRY(os::MakePipe());
  (void)::fcntl(pipe.write.get(), F_SETPIPE_SZ, kBytes);  // a smaller one only takes more turns
  return pipe;
}

struct CopyRun {
  Api* engine;
  std::string container;
  bool archive = false;
  bool follow = false;
  bool quiet = false;
};

std::string Target(const CopyRun& run, const std::string& path, http::Query query = {}) {
  query.Add("path", path);
  return ContainerPath(run.container, "archive") + "?" + query.Encode();
}

Result<apitypes::PathStat> ReadStat(const http::ResponseStream& stream) {
  const std::string text = TRY_CTX(codec::DecodeBase64(stream.headers().Get(kStatField)), "read the path's stat");
  const codec::Json json = TRY_CTX(codec::ParseJson(text), "read the path's stat");
  return apitypes::PathStat::FromJson(json);
}

Result<apitypes::PathStat> StatInContainer(const CopyRun& run, const std::string& path) {
  http::Request request;
  request.method = "HEAD";
  request.target = Target(run, path);
  const auto stream = TRY(run.engine->Open(request));
  return ReadStat(*stream);
}

// ---- from a container

Status WriteOut(http::ResponseStream& stream, int fd, CopyProgress& progress) {
  while (true) {
    const std::string bytes = TRY(stream.Read());
    if (bytes.empty()) return Ok();
    TRY(os::WriteAll(fd, bytes));
    progress.Add(bytes.size());
  }
}

// By the header: the archive's first name, and whether it is a directory's.
struct Source {
  std::string path;
  std::string name;  // what a link that was followed is called
};

// What -L makes of a link.
Source FollowInContainer(const CopyRun& run, const std::string& path) {
  const auto stat = StatInContainer(run, path);
  if (!stat.ok() || !stat->IsSymlink()) return {path, ""};
  const CopyEnd end = FollowedSource(path, ResolveLink(path, stat->link_target));
  return {end.path, end.name};
}

Status Unpack(const CopyRun& run, http::ResponseStream& stream, const Source& source, const std::string& to) {
  const apitypes::PathStat stat = TRY(ReadStat(stream));
  const CopyEnd destination = TRY(FindHostDestination(to));
  const CopyEnd from{source.path, /*exists=*/true, stat.IsDirectory(), source.name};
  const CopyPlan plan = TRY(PlanCopy(from, destination));
  image::TransferJob job;
  job.kind = image::JobKind::kPutPath;
  job.path.path = plan.directory;
  job.path.base = LastName(CleanedKeepingEnd("/" + source.path));
  job.path.name = plan.name;
  job.path.keep_kinds = true;
  const os::UniqueFd directory = TRY(os::OpenAt({AT_FDCWD}, plan.directory, O_RDONLY | O_DIRECTORY));
  os::Pipe pipe = TRY(MakeWidePipe());
  HostCopier copier = TRY(HostCopier::Start(std::move(job), directory.get(), pipe.read.get()));
  pipe.read.Reset();
  CopyProgress progress("Copying from container - ", run.quiet);
  Status sent = WriteOut(stream, pipe.write.get(), progress);
  pipe.write.Reset();
  Status unpacked = copier.Finish();
  // Of an archive that was cut the other side's complaint says less; one who gave up has said why.
  const bool cut = !sent.ok() && sent.error().errnum() != EPIPE;
  if (cut) return sent;
  TRY(std::move(unpacked));
  progress.Finish(destination.path);
  return Ok();
}

Result<int> CopyOut(const CopyRun& run, const std::string& path, const std::string& to) {
  const Source source = run.follow ? FollowInContainer(run, path) : Source{path, ""};
  if (to != "-") TRY(FindHostDestination(to));  // before anything is asked for
  http::Request request;
  request.target = Target(run, source.path);
  const auto stream = TRY(run.engine->Open(request));
  if (to != "-") {
    TRY(Unpack(run, *stream, source, to));
    return 0;
  }
  CopyProgress none("", /*quiet=*/true);
  TRY(WriteOut(*stream, STDOUT_FILENO, none));
  return 0;
}

// ---- to a container

// As docker: what cannot be looked at is taken for one that is to be made; the engine says what is wrong with it.
Result<CopyEnd> FindInContainer(const CopyRun& run, const std::string& path) {
  CopyEnd end;
  end.path = path;
  auto stat = StatInContainer(run, path);
  if (stat.ok() && stat->IsSymlink()) {
    end.path = ResolveLink(path, stat->link_target);
    stat = StatInContainer(run, end.path);
  }
  if (!stat.ok()) return end;
  if (stat->IsDevice())
    return Error(Code::kInvalidArgument, "destination \"" + run.container + ":" + path +
                                             "\" must be a directory or a regular file: got a device");
  end.exists = true;
  end.directory = stat->IsDirectory();
  return end;
}

http::Request PutRequest(const CopyRun& run, const std::string& directory, int body) {
  http::Query query;
  query.Add("noOverwriteDirNonDir", "true");
  if (run.archive) query.Add("copyUIDGID", "true");
  http::Request request;
  request.method = "PUT";
  request.target = Target(run, directory, std::move(query));
  request.headers.Set("Content-Type", "application/x-tar");
  request.body_fd = body;
  return request;
}

Result<int> PutStdin(const CopyRun& run, const CopyEnd& destination, const std::string& path) {
  if (!destination.directory)
    return Error(Code::kInvalidArgument,
                 "destination \"" + run.container + ":" + path + "\" must be a directory");
  TRY(run.engine->Open(PutRequest(run, destination.path, STDIN_FILENO)));
  return 0;
}

Result<int> CopyIn(const CopyRun& run, const std::string& from, const std::string& path) {
  const CopyEnd destination = TRY(FindInContainer(run, path));
  if (from == "-") return PutStdin(run, destination, path);
  const CopyEnd source = TRY(FindHostSource(from, run.follow));
  const CopyPlan plan = TRY(PlanCopy(source, destination));
  const FolderAndName at = SplitLastName(source.path);
  image::TransferJob job;
  job.kind = image::JobKind::kTakePath;
  job.path.path = at.name == "/" ? "." : at.name;
  job.path.base = plan.name.empty() ? at.name : plan.name;
  const os::UniqueFd folder = TRY(os::OpenAt({AT_FDCWD}, at.folder, O_RDONLY | O_DIRECTORY));
  os::Pipe pipe = TRY(MakeWidePipe());
  HostCopier copier = TRY(HostCopier::Start(std::move(job), folder.get(), pipe.write.get()));
  pipe.write.Reset();
  CopyProgress progress("Copying to container - ", run.quiet);
  http::Request request = PutRequest(run, plan.directory, pipe.read.get());
  request.body_sent = [&progress](std::size_t bytes) { progress.Add(bytes); };
  const auto answer = run.engine->Open(request);
  // What it failed of explains what the engine says of half an archive.
  const bool failed_first = copier.Failed();
  pipe.read.Reset();
  Status packed = copier.Finish();
  if (!answer.ok() && !failed_first) return answer.error().Clone();
  TRY(std::move(packed));
  progress.Finish(run.container + ":" + destination.path);
  return 0;
}

Result<int> RunCp(App& app, const Options& options) {
  if (options.arg(0).empty()) return Error(Code::kInvalidArgument, "source can not be empty");
  if (options.arg(1).empty()) return Error(Code::kInvalidArgument, "destination can not be empty");
  const CopyArgument source = SplitCopyArgument(options.arg(0));
  const CopyArgument destination = SplitCopyArgument(options.arg(1));
  if (!source.container.empty() && !destination.container.empty())
    return Error(Code::kInvalidArgument, "copying between containers is not supported");
  if (source.container.empty() && destination.container.empty())
    return Error(Code::kInvalidArgument, "must specify at least one container source");
  CopyRun run;
  run.engine = TRY(app.Engine());
  TRY(run.engine->EnsureEngine());  // before a body, which can be sent only once
  run.container = source.container + destination.container;
  run.archive = options.On("archive");
  run.follow = options.On("follow-link");
  run.quiet = options.Has("quiet") ? options.On("quiet") : !IsTerminal(STDOUT_FILENO);
  return destination.container.empty() ? CopyOut(run, source.path, destination.path)
                                       : CopyIn(run, source.path, destination.path);
}

}  // namespace

constinit const Command kCp{
    .name = "cp",
    .usage = "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|- | SRC_PATH|- CONTAINER:DEST_PATH",
    .summary = "Copy files/folders between a container and the local filesystem",
    .flags = kFlags,
    .min_args = 2,
    .max_args = 2,
    .run = RunCp,
    .details = "Use '-' as the source to read a tar archive from stdin and extract it to a directory destination in a "
               "container. Use '-' as the destination to stream a tar archive of a container source to stdout.\n"
               "The container may run or not. Its volumes and binds are seen; of one that runs, what else it has "
               "mounted too, but nothing that the kernel shows of itself (/proc, /sys).\n"
               "A path of yours that has a ':' in it is one when it starts with '/' or '.'."};

}  // namespace estiba::cli
