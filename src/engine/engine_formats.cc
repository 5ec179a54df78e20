// Images out of containers and archives, and containers' files: commit, import, export, diff, load, save.

#include <chrono>
#include <fcntl.h>
#include <future>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "engine_impl.h"
#include "spec/image_changes.h"

namespace estiba::engine {
namespace {

constexpr int kPipeBytes = 1 << 20;  // what a user may have (/proc/sys/fs/pipe-max-size)

Result<std::vector<std::string>> NamesToGive(const std::string& repository, const std::string& tag) {
  if (repository.empty()) return std::vector<std::string>{};
  const oci::Reference reference =
      TRY(oci::ParseReferenceOrLatest(tag.empty() ? repository : repository + ":" + tag));
  if (!reference.digest.empty())
    return Error(Code::kInvalidArgument, "refusing to create a tag with a digest reference");
  return std::vector<std::string>{reference.ToString()};
}

Result<image::ArchiveForm> FormOf(const std::string& format) {
  if (format.empty()) return image::ArchiveForm::kBoth;
  if (format == "docker-archive") return image::ArchiveForm::kDocker;
  if (format == "oci-archive" || format == "oci-dir") return image::ArchiveForm::kOci;
  if (format == "docker-dir") return image::ArchiveForm::kPlain;
  return Error(Code::kInvalidArgument, "'" + format + "' is not a format to save in")
      .Hint("docker-archive, oci-archive, oci-dir and docker-dir are; without one, an archive is docker's and OCI's");
}

// The image's id is a line of its own, the last: it is held back until the image is recorded.
class IdLine {
 public:
  bool Take(std::string_view line) {
    const auto json = codec::ParseJson(Trim(line));
    if (!json.ok()) return false;
    const std::string status = json->GetString("status");
    if (!oci::IsDigest(status)) return false;
    line_ = line;
    id_ = status;
    return true;
  }
  const std::string& line() const { return line_; }
  const std::string& id() const { return id_; }

 private:
  std::string line_;
  std::string id_;
};

}  // namespace

// What docker writes into the image: the container's configuration with the changes, and a line of history.
Result<image::NewImage> EngineImpl::ImageOf(const CommitRequest& request, const Containers::Source& source) {
  const auto base = images_->Get(source.image_id);
  if (!base.ok())
    return Error(Code::kFailedPrecondition, "the image of container '" + request.container + "' is gone: " +
                                                source.image_id)
        .Hint("load or pull it again: what is committed is stored as a layer on top of it");
  oci::ImageConfig config = TRY(images_->Config(**base));
  apitypes::ContainerConfig container = source.config;
  if (!container.healthcheck) container.healthcheck = Images::RunConfig(config.config).healthcheck;
  apitypes::ContainerConfig wanted = TRY(ApplyChanges(request.config.value_or(container), request.changes));
  config.config = ImageConfigOf(MergeConfig(std::move(wanted), container));
  config.created = FormatRfc3339(WallNow());
  config.author = request.author;
  config.history.push_back({config.created, Join(container.cmd.value_or(std::vector<std::string>{}), " "),
                            request.author, request.comment, /*empty_layer=*/false});
  image::NewImage image;
  image.config = oci::WriteImageConfig(config);
  image.base_manifest = (*base)->manifest_digest;
  image.layers = (*base)->layers;
  image.names = TRY(NamesToGive(request.repository, request.tag));
  return image;
}

Status EngineImpl::CommitContainer(const CommitRequest& request, std::function<void(Result<std::string>)> done) {
  const Containers::Source source = TRY(containers_->SourceOf(request.container));
  image::TransferJob job;
  job.kind = image::JobKind::kCommit;
  job.user_xattrs = config()->rootless;
  job.erofs = config()->LayersAreImages();
  job.container = source.files;
  job.image = TRY(ImageOf(request, source));
  const bool held = request.pause && TRY(containers_->HoldStill(source.files.id));
  const std::string name = job.image.names.empty() ? std::string() : job.image.names.front();
  const auto id_line = std::make_shared<IdLine>();
  ProgressCallbacks callbacks;
  callbacks.line = [id_line](std::string_view line) { id_line->Take(line); };
  callbacks.done = [this, id_line, done, held, name, id = source.files.id, comment = request.comment](Status status) {
    if (held) containers_->LetGoOn(id);
    if (!status.ok()) return done(std::move(status).error());
    containers_->TellCommitted(id, comment, id_line->id(), name);
    TellNamed(id_line->id(), name);
    done(id_line->id());
  };
  auto started = transfers_->Start("", std::move(job), {}, std::move(callbacks));
  if (started.ok()) return Ok();
  if (held) containers_->LetGoOn(source.files.id);
  return std::move(started).error();
}

void EngineImpl::TellNamed(const std::string& id, const std::string& name) {
  const auto reference = oci::ParseReference(name);
  if (reference.ok()) events_.Publish("image", "tag", id, {{"name", reference->Familiar()}});
}

Result<Token> EngineImpl::ImportImage(const ImportRequest& request, os::UniqueFd archive, ProgressCallbacks callbacks) {
  oci::ImageConfig config;
  config.platform = oci::HostPlatform();
  if (!request.platform.empty()) config.platform = TRY(oci::ParsePlatform(request.platform));
  config.config = ImageConfigOf(TRY(ApplyChanges({}, request.changes)));
  config.created = FormatRfc3339(WallNow());
  oci::HistoryEntry history;
  history.created = config.created;
  history.comment = request.message;
  config.history.push_back(std::move(history));
  image::TransferJob job;
  job.kind = image::JobKind::kImport;
  job.user_xattrs = this->config()->rootless;
  job.erofs = this->config()->LayersAreImages();
  job.source = request.url;
  job.image.config = oci::WriteImageConfig(config);
  job.image.names = TRY(NamesToGive(request.repository, request.tag));
  const std::string name = job.image.names.empty() ? std::string() : job.image.names.front();
  const auto id_line = std::make_shared<IdLine>();
  ProgressCallbacks wrapped;
  wrapped.line = [id_line, line = callbacks.line](std::string_view text) {
    if (!id_line->Take(text)) line(text);
  };
  wrapped.done = [this, id_line, name, callbacks](Status status) {
    if (status.ok()) {
      events_.Publish("image", "import", id_line->id(), {{"name", id_line->id()}});
      TellNamed(id_line->id(), name);
      callbacks.line(id_line->line());
    }
    callbacks.done(std::move(status));
  };
  return transfers_->Start("", std::move(job), {std::move(archive), {}}, std::move(wrapped));
}

// ---- streams ----------------------------------------------------------------------------------------------------

Result<OutputStream> EngineImpl::StreamOut(image::TransferJob job, const std::string& what,
                                           std::function<void()> after, os::UniqueFd tree,
                                           std::function<void(std::string_view)> line,
                                           std::function<bool(const Status&)> end, Token* token) {
  os::Pipe pipe = TRY(os::MakePipe());
  (void)::fcntl(pipe.write.get(), F_SETPIPE_SZ, kPipeBytes);  // a smaller one only takes more turns
  auto ended = std::make_shared<std::promise<Status>>();
  ProgressCallbacks callbacks;
  callbacks.line = line ? std::move(line) : [](std::string_view) {};
  callbacks.done = [ended, what, after = std::move(after), end = std::move(end)](Status status) {
    if (after) after();
    // It may be too late to answer with it.
    const bool answered = end && end(status);
    if (!status.ok() && !answered) log::Warn(what, {{"error", status.error().Message()}});
    ended->set_value(std::move(status));
  };
  const std::shared_future<Status> result = ended->get_future().share();
  const Token started =
      TRY(transfers_->Start("", std::move(job), {std::move(pipe.write), std::move(tree)}, std::move(callbacks)));
  if (token != nullptr) *token = started;
  return OutputStream{std::move(pipe.read), [result, what] {
                        constexpr std::chrono::seconds kToEnd{30};  // from the last byte
                        if (result.wait_for(kToEnd) != std::future_status::ready)
                          return Status(Error(Code::kDeadlineExceeded, what + ": the transfer does not end"));
                        return result.get().ok() ? Ok() : Status(result.get().error().Clone());
                      }};
}

Result<OutputStream> EngineImpl::StreamContainer(const std::string& id, image::JobKind kind, const std::string& what) {
  image::TransferJob job;
  job.kind = kind;
  job.user_xattrs = config()->rootless;
  job.container = TRY(containers_->SourceOf(id)).files;
  return StreamOut(std::move(job), what);
}

Result<OutputStream> EngineImpl::ExportContainer(const std::string& id) {
  OutputStream stream = TRY(StreamContainer(id, image::JobKind::kExport, "export a container"));
  containers_->TellExported(id);
  return stream;
}

Result<OutputStream> EngineImpl::ContainerChanges(const std::string& id) {
  return StreamContainer(id, image::JobKind::kChanges, "compare a container with its image");
}

Result<Token> EngineImpl::LoadImages(const LoadRequest& request, os::UniqueFd archive, ProgressCallbacks callbacks) {
  image::TransferJob job = LoadJob();
  job.quiet = request.quiet;
  if (!request.platform.empty()) job.platform = TRY(oci::ParsePlatform(request.platform));
  return transfers_->Start("", std::move(job), {std::move(archive), {}}, std::move(callbacks));
}

Result<EngineImpl::Saving> EngineImpl::SavingOf(const SaveRequest& request) {
  Saving saving;
  saving.job.kind = image::JobKind::kSave;
  saving.job.form = TRY(FormOf(request.format));
  if (!request.platform.empty()) saving.job.platform = TRY(oci::ParsePlatform(request.platform));
  const auto held = std::make_shared<std::vector<Images::Hold>>();
  for (const std::string& name : request.names) {
    saving.job.images.push_back(TRY(images_->ForSave(name)));
    const ImagePtr image = TRY(images_->Get(name));
    held->push_back(TRY(HoldBlobs(*image)));
  }
  if (saving.job.images.empty()) return Error(Code::kInvalidArgument, "no image to save was named");
  saving.after = [this, held] {
    held->clear();
    TidyAfterTransfer();
  };
  return saving;
}

Result<OutputStream> EngineImpl::SaveImages(const SaveRequest& request) {
  Saving saving = TRY(SavingOf(request));
  return StreamOut(std::move(saving.job), "save images", std::move(saving.after));
}

Result<Token> EngineImpl::SaveImagesTo(const SaveRequest& request, os::UniqueFd file, Done done) {
  Saving saving = TRY(SavingOf(request));
  ProgressCallbacks callbacks;
  callbacks.line = [](std::string_view) {};
  callbacks.done = [after = std::move(saving.after), done = std::move(done)](Status status) {
    after();
    done(std::move(status));
  };
  return transfers_->Start("", std::move(saving.job), {std::move(file), {}}, std::move(callbacks));
}

}  // namespace estiba::engine
