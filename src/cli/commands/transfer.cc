// load and save, and how progress is followed.

#include "commands/transfer.h"

#include <cstdio>

#include <fcntl.h>
#include <unistd.h>

#include "base/text.h"
#include "commands/commands.h"
#include "os/file.h"
#include "term/terminal.h"
#include "text/progress.h"

namespace estiba::cli {
namespace {

constexpr Flag kLoadFlags[] = {
    {'i', "input", Kind::kString, "string", "Read from tar archive file, instead of STDIN"},
    {'q', "quiet", Kind::kBool, "", "Suppress the load output"},
};
constexpr Flag kSaveFlags[] = {
    {'o', "output", Kind::kString, "string", "Write to a file, instead of STDOUT"},
};

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
  request.target = "/images/load?quiet=" + std::string(options.On("quiet") ? "1" : "0");
  request.headers.Set("Content-Type", "application/x-tar");
  request.body_fd = file.valid() ? file.get() : STDIN_FILENO;
  TRY(FollowProgress(engine, request, STDOUT_FILENO, false));
  return 0;
}

// A file that appears under its name only when it is whole.
Status SaveTo(http::ResponseStream* stream, const std::string& path) {
  const std::string temporary = path + ".partial";
  auto file = TRY(os::OpenAt({AT_FDCWD}, temporary, O_WRONLY | O_CREAT | O_TRUNC, 0600));
  for (;;) {
    auto bytes = stream->Read();
    Status written = Ok();
    if (bytes.ok() && !bytes->empty()) written = os::WriteAll(file.get(), *bytes);
    if (!bytes.ok() || !written.ok()) {
      ::unlink(temporary.c_str());
      return bytes.ok() ? std::move(written) : Status(std::move(bytes).error().Context("save image"));
    }
    if (bytes->empty()) break;
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) return Error::Errno(errno, "rename to '" + path + "'");
  return Ok();
}

Result<int> RunSave(App& app, const Options& options) {
  if (!options.Has("output") && IsTerminal(STDOUT_FILENO))
    return Error(Code::kInvalidArgument,
                 "cowardly refusing to save to a terminal. Use the -o flag or redirect");
  http::Query query;
  for (const std::string& name : options.args()) query.Add("names", name);
  Api* engine = TRY(app.Engine());
  http::Request request;
  request.target = "/images/get?" + query.Encode();
  const auto stream = TRY(engine->Open(request));
  if (options.Has("output")) {
    TRY(SaveTo(stream.get(), options.Text("output")));
    return 0;
  }
  for (;;) {
    const std::string bytes = TRY_CTX(stream->Read(), "save image");
    if (bytes.empty()) return 0;
    Print(bytes);
  }
}

}  // namespace

Status FollowProgress(Api* api, const http::Request& request, int fd, bool quiet) {
  const auto stream = TRY(api->Open(request));
  const auto size = GetWindowSize(fd);
  ProgressView view(fd, IsTerminal(fd) ? (size ? size->columns : 80) : 0);
  for (;;) {
    const auto line = TRY(stream->ReadLine());
    if (!line) return Ok();
    if (Trim(*line).empty()) continue;
    const codec::Json message = TRY_CTX(codec::ParseJson(*line), "read a progress message");
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
