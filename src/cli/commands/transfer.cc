// load and save, and how progress is followed.

#include "commands/transfer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "client/meanings.h"
#include "commands/commands.h"
#include "commands/whole_file.h"
#include "os/file.h"
#include "term/terminal.h"
#include "text/progress.h"

namespace estiba::cli {
namespace {

constexpr Flag kLoadFlags[] = {
    {'i', "input", Kind::kString, "string", "Read from tar archive file or OCI layout directory, instead of STDIN"},
    {'\0', "platform", Kind::kString, "string", "Load the image for this platform of those that an index names"},
    {'q', "quiet", Kind::kBool, "", "Suppress the load output"},
};
constexpr Flag kSaveFlags[] = {
    {'\0', "format", Kind::kString, "string",
     "Format: docker-archive, oci-archive, oci-dir or docker-dir (default: an archive that is the first two in one)"},
    {'o', "output", Kind::kString, "string", "Write to a file or directory, instead of STDOUT"},
    {'\0', "platform", Kind::kString, "string", "Save the image for this platform alone"},
};

bool IsDirectory(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);
}

Result<int> RunLoad(App& app, const Options& options) {
  os::UniqueFd file;
  if (options.Has("input")) {
    file = TRY(os::OpenAt({AT_FDCWD}, options.Text("input"), O_RDONLY));
  } else if (IsTerminal(STDIN_FILENO)) {
    return Error(Code::kInvalidArgument, "requested load from stdin, but stdin is empty");
  }
  Api* engine = TRY(app.Engine());
  TRY(engine->EnsureEngine());  // before the body, which can be sent only once
  http::Request request;
  request.method = "POST";
  http::Query query;
  query.Add("quiet", options.On("quiet") ? "1" : "0");
  if (options.Has("platform")) query.Add("platform", options.Text("platform"));
  request.target = "/images/load?" + query.Encode();
  if (IsDirectory(file.get()) && !engine->endpoint().here())
    return Error(Code::kNotImplemented, "load image: an engine elsewhere cannot read a folder of this machine")
        .Hint("load an archive of it");
  if (IsDirectory(file.get())) {
    request.headers.Set("Estiba-Archive-From", "descriptor");
    request.pass_fd = file.get();
  } else {
    request.headers.Set("Content-Type", "application/x-tar");
    request.body_fd = file.valid() ? file.get() : STDIN_FILENO;
  }
  TRY(FollowProgress(engine, request, STDOUT_FILENO, false));
  return 0;
}

Result<int> RunSave(App& app, const Options& options) {
  http::Query query;
  Api* engine = TRY(app.Engine());
  for (const std::string& name : options.args()) query.Add("names", NameOfHere(engine, name));
  const std::string format = options.Text("format");
  if (!format.empty()) query.Add("format", format);
  if (options.Has("platform")) query.Add("platform", options.Text("platform"));
  if (format.ends_with("-dir")) return SaveTree(app, options, "/images/get?" + query.Encode(), "save image");
  return SaveAnswer(app, options, "/images/get?" + query.Encode(), "save image");
}

}  // namespace

Status FollowProgress(Api* api, const http::Request& request, int fd, bool quiet,
                      const std::function<void(const codec::Json&)>& each) {
  const auto stream = TRY(api->Open(request));
  const auto size = GetWindowSize(fd);
  ProgressView view(fd, IsTerminal(fd) ? (size ? size->columns : 80) : 0);
  for (;;) {
    const auto line = TRY(stream->ReadLine());
    if (!line) return Ok();
    if (Trim(*line).empty()) continue;
    const codec::Json message = TRY_CTX(codec::ParseJson(*line), "read a progress message");
    if (each) each(message);
    const bool failed = message.Find("errorDetail") != nullptr || message.Find("error") != nullptr;
    if (!quiet || failed) TRY(view.Show(message));
  }
}

constinit const Command kLoad{.name = "load",
                              .usage = "[OPTIONS]",
                              .summary = "Load an image from a tar archive or STDIN",
                              .flags = kLoadFlags,
                              .max_args = 0,
                              .run = RunLoad};
constinit const Command kSave{
    .name = "save",
    .usage = "[OPTIONS] IMAGE [IMAGE...]",
    .summary = "Save one or more images to a tar archive (streamed to STDOUT by default)",
    .flags = kSaveFlags,
    .min_args = 1,
    .run = RunSave};

}  // namespace estiba::cli
