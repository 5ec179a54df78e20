// load and save, and how progress is followed.

#include "commands/transfer.h"

#include <cerrno>
#include <cstdlib>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
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
class WholeFile {
 public:
  // A rename would replace a device or a pipe, and /dev/null is one: they are refused, before anything is
  // asked for.
  static Result<WholeFile> Create(const std::string& path) {
    struct stat status{};
    if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode))
      return Error(Code::kInvalidArgument, "save to '" + path + "': it is no regular file")
          .Hint("leave -o away and redirect standard output");
    std::string temporary = path + ".XXXXXX";
    const int fd = ::mkostemp(temporary.data(), O_CLOEXEC);
    if (fd < 0) return Error::Errno(errno, "make a file beside '" + path + "'");
    return WholeFile(path, std::move(temporary), os::UniqueFd(fd));
  }
  WholeFile(WholeFile&& other) noexcept
      : path_(std::move(other.path_)),
        temporary_(std::exchange(other.temporary_, "")),
        file_(std::move(other.file_)) {}
  WholeFile& operator=(WholeFile&&) = delete;
  ~WholeFile() {
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
  }

  Status Fill(http::ResponseStream* stream) {
    for (;;) {
      const std::string bytes = TRY_CTX(stream->Read(), "save image");
      if (bytes.empty()) break;
      TRY_CTX(os::WriteAll(file_.get(), bytes), "save to '" + path_ + "'");
    }
    if (::rename(temporary_.c_str(), path_.c_str()) != 0)
      return Error::Errno(errno, "rename to '" + path_ + "'");
    temporary_.clear();
    return Ok();
  }

 private:
  WholeFile(std::string path, std::string temporary, os::UniqueFd file)
      : path_(std::move(path)), temporary_(std::move(temporary)), file_(std::move(file)) {}
  std::string path_;
  std::string temporary_;
  os::UniqueFd file_;
};

Result<int> RunSave(App& app, const Options& options) {
  if (!options.Has("output") && IsTerminal(STDOUT_FILENO))
    return Error(Code::kInvalidArgument,
                 "cowardly refusing to save to a terminal. Use the -o flag or redirect");
  std::optional<WholeFile> file;
  if (options.Has("output")) {
    auto made = TRY(WholeFile::Create(options.Text("output")));
    file.emplace(std::move(made));
  }
  http::Query query;
  for (const std::string& name : options.args()) query.Add("names", name);
  Api* engine = TRY(app.Engine());
  http::Request request;
  request.target = "/images/get?" + query.Encode();
  const auto stream = TRY(engine->Open(request));
  if (file) {
    TRY(file->Fill(stream.get()));
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
