#include "commands/create.h"

#include <cstdlib>

#include <fcntl.h>
#include <unistd.h>

#include "commands/commands.h"
#include "commands/list.h"
#include "commands/pull.h"
#include "options/proxies.h"
#include "os/file.h"

namespace estiba::cli {
namespace {

using codec::Json;

// The file that will hold the container's id: made before the container, so that two cannot claim it.
class CidFile {
 public:
  static Result<CidFile> Create(const std::string& path) {
    if (path.empty()) return CidFile("", {});
    auto file = os::OpenAt({AT_FDCWD}, path, O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (!file.ok() && file.error().errnum() == EEXIST)
      return Error(Code::kAlreadyExists,
                   "container ID file found, make sure the other container isn't running or "
                   "delete " +
                       path);
    if (!file.ok()) return std::move(file).error().Context("failed to create the container ID file");
    return CidFile(path, std::move(file).value());
  }
  CidFile(CidFile&& other) noexcept : path_(std::exchange(other.path_, "")), file_(std::move(other.file_)) {}
  CidFile& operator=(CidFile&&) = delete;
  ~CidFile() {
    if (!path_.empty() && !written_) ::unlink(path_.c_str());
  }

  Status Write(const std::string& id) {
    if (path_.empty()) return Ok();
    TRY_CTX(os::WriteAll(file_.get(), id), "write '" + path_ + "'");
    written_ = true;
    return Ok();
  }

 private:
  CidFile(std::string path, os::UniqueFd file) : path_(std::move(path)), file_(std::move(file)) {}
  std::string path_;
  os::UniqueFd file_;
  bool written_ = false;
};

Result<Json> PostCreate(Api* api, const CreateRequest& request, const std::string& image) {
  http::Query query;
  if (!request.name.empty()) query.Add("name", request.name);
  if (!request.platform.empty()) query.Add("platform", request.platform);
  apitypes::ContainerCreate create = request.create;
  AddOwnProxies(api->endpoint().Display(), &create.config.env);
  Json body = create.ToJson();
  body.Set("Image", image);
  return api->Post("/containers/create", query, body);
}

Result<std::string> PullImage(Api* api, const CreateRequest& request, Meaning meaning) {
  PullOptions pull;
  pull.reference = request.create.config.image;
  pull.platform = request.platform;
  pull.quiet = request.quiet;
  pull.fd = STDERR_FILENO;  // standard output belongs to the container
  return Pull(api, pull, std::move(meaning));
}

bool ImageIsMissing(const Error& error) {
  return error.code() == Code::kNotFound && error.Message().find("No such image") != std::string::npos;
}

Result<int> RunCreate(App& app, const Options& options) {
  auto request = BuildCreate(options, /*detached=*/false,
                             [](const char* name) -> const char* { return std::getenv(name); });
  if (!request.ok()) {
    PrintCreateError(request.error(), "create", true);
    return 125;
  }
  Api* engine = TRY(app.Engine());
  const auto id = CreateContainer(engine, *request);
  if (!id.ok()) {
    PrintError(id.error());
    return 1;
  }
  PrintLine(*id);
  return 0;
}

}  // namespace

void PrintCreateError(const Error& error, std::string_view command, bool with_help) {
  PrintError("estiba: " + error.ToString());
  if (with_help) PrintError("\nRun 'estiba " + std::string(command) + " --help' for more information");
}

Result<std::string> CreateContainer(Api* api, const CreateRequest& request) {
  auto cid_file = TRY(CidFile::Create(request.cid_file));
  const Meaning meaning = TRY(MeaningOf(api, request.create.config.image));
  std::string image = meaning.here;
  if (request.pull == "always") image = TRY(PullImage(api, request, meaning));
  auto created = PostCreate(api, request, image);
  if (!created.ok() && request.pull == "missing" && ImageIsMissing(created.error())) {
    if (!request.quiet)
      PrintError("Unable to find image '" + WithTag(request.create.config.image) + "' locally");
    image = TRY(PullImage(api, request, meaning));
    created = PostCreate(api, request, image);
  }
  const Json answer = TRY(std::move(created));
  for (const std::string& warning : Strings(answer.Find("Warnings"))) PrintError("WARNING: " + warning);
  std::string id = answer.GetString("Id");
  TRY(cid_file.Write(id));
  return id;
}

const Command kCreate{.name = "create",
                      .usage = "[OPTIONS] IMAGE [COMMAND] [ARG...]",
                      .summary = "Create a new container",
                      .flags = CreateFlags(),
                      .min_args = 1,
                      .run = RunCreate,
                      .stop_at_positional = true};

}  // namespace estiba::cli
