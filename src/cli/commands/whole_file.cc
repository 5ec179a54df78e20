#include "commands/whole_file.h"

#include <cerrno>
#include <cstdlib>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/file.h"
#include "term/terminal.h"

namespace estiba::cli {
namespace {

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

  int fd() const { return file_.get(); }
  Status Write(std::string_view bytes) { return TRY_CTX(os::WriteAll(fd(), bytes), "save to '" + path_ + "'"); }
  Status Finish() {
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

// As WholeFile.
class WholeDirectory {
 public:
  static Result<WholeDirectory> Create(std::string path) {
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    std::string temporary = path + ".XXXXXX";
    if (::mkdtemp(temporary.data()) == nullptr)
      return Error::Errno(errno, "make a directory beside '" + path + "'");
    WholeDirectory made(path, std::move(temporary));
    made.directory_ = TRY(os::OpenAt({AT_FDCWD}, made.temporary_, O_RDONLY | O_DIRECTORY));
    const mode_t mask = ::umask(0);
    ::umask(mask);
    if (::fchmod(made.directory_.get(), 0777U & ~mask) != 0)
      return Error::Errno(errno, "set the mode of '" + path + "'");
    return made;
  }
  WholeDirectory(WholeDirectory&& other) noexcept
      : path_(std::move(other.path_)),
        temporary_(std::exchange(other.temporary_, "")),
        directory_(std::move(other.directory_)) {}
  WholeDirectory& operator=(WholeDirectory&&) = delete;
  ~WholeDirectory() {
    // What cannot be deleted is left to be seen.
    if (!temporary_.empty()) (void)os::DeleteTree({AT_FDCWD}, temporary_).ok();
  }

  int fd() const { return directory_.get(); }
  Status Finish() {
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) return Error::Errno(errno, "rename to '" + path_ + "'");
    temporary_.clear();
    return Ok();
  }

 private:
  WholeDirectory(std::string path, std::string temporary) : path_(std::move(path)), temporary_(std::move(temporary)) {}
  std::string path_;
  std::string temporary_;
  os::UniqueFd directory_;
};

// The engine may write what it answers with into a regular file itself (it says so then).
constexpr const char* kAnswerTo = "Estiba-Answer-To";
constexpr const char* kDescriptor = "descriptor";

bool IsRegular(int fd) {
  struct stat status{};
  return ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

}  // namespace

Result<int> SaveAnswer(App& app, const Options& options, const std::string& target, const std::string& what) {
  if (!options.Has("output") && IsTerminal(STDOUT_FILENO))
    return Error(Code::kInvalidArgument,
                 "cowardly refusing to save to a terminal. Use the -o flag or redirect");
  std::optional<WholeFile> file;
  if (options.Has("output")) {
    auto made = TRY(WholeFile::Create(options.Text("output")));
    file.emplace(std::move(made));
  }
  Api* engine = TRY(app.Engine());
  http::Request request;
  request.target = target;
  const int out = file ? file->fd() : STDOUT_FILENO;
  if (IsRegular(out) && engine->endpoint().here()) {
    request.headers.Set(kAnswerTo, kDescriptor);
    request.pass_fd = out;
  }
  const auto stream = TRY(engine->Open(request));
  const bool written = stream->headers().Get(kAnswerTo) == kDescriptor;
  for (;;) {
    const std::string bytes = TRY_CTX(stream->Read(), what);
    if (bytes.empty() || written) break;
    if (file) {
      TRY_CTX(file->Write(bytes), what);
    } else {
      Print(bytes);
    }
  }
  if (file) TRY_CTX(file->Finish(), what);
  return 0;
}

Result<int> SaveTree(App& app, const Options& options, const std::string& target, const std::string& what) {
  if (!options.Has("output"))
    return Error(Code::kInvalidArgument, what + ": this format is a directory").Hint("name it by -o");
  Api* engine = TRY(app.Engine());
  if (!engine->endpoint().here())
    return Error(Code::kNotImplemented, what + ": an engine elsewhere cannot write into a folder of this machine")
        .Hint("save an archive and unpack it");
  WholeDirectory directory = TRY(WholeDirectory::Create(options.Text("output")));
  http::Request request;
  request.target = target;
  request.headers.Set(kAnswerTo, kDescriptor);
  request.pass_fd = directory.fd();
  const auto stream = TRY(engine->Open(request));
  if (stream->headers().Get(kAnswerTo) != kDescriptor)
    return Error(Code::kNotImplemented, what + ": the engine does not write into directories")
        .Hint("save an archive and unpack it");
  TRY_CTX(stream->ReadAll(), what);
  TRY_CTX(directory.Finish(), what);
  return 0;
}

}  // namespace estiba::cli
