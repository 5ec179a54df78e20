#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "call.h"
#include "progress.h"
#include "router.h"
#include "streams.h"

namespace estiba::api::docker {
namespace {

// OCI's platform as JSON, unlike a pull's.
Result<std::string> ReadPlatform(const std::string& text) {
  const codec::Json platform = TRY_CTX(codec::ParseJson(text), "failed to parse platform");
  const std::string os = platform.GetString("os");
  const std::string architecture = platform.GetString("architecture");
  const std::string variant = platform.GetString("variant");
  if (os.empty() || architecture.empty())
    return Error(Code::kInvalidArgument, "both OS and Architecture must be provided");
  return os + "/" + architecture + (variant.empty() ? "" : "/" + variant);
}

// The parameter `platform` of calls that know it since `since`; older ones leave it unread. Where it is `plain`,
// people's own way to write it will do.
Result<std::string> PlatformFrom(const Call& call, int since, bool plain = false) {
  const std::vector<std::string> asked = call.exchange->query().GetAll("platform");
  if (call.minor < since || asked.empty() || asked.front().empty()) return std::string();
  if (asked.size() > 1 && call.minor < 52)
    return Error(Code::kInvalidArgument,
                 "multiple platform parameters are not supported in this API version; use API version 1.52 or later");
  if (asked.size() > 1)
    return Error(Code::kNotImplemented, "several platforms at once are not supported")
        .Hint("name one, or none for all that are here");
  if (plain && !asked.front().starts_with('{')) return asked.front();
  return ReadPlatform(asked.front());
}

Status List(Call& call) {
  engine::ImageListRequest request;
  request.filters = TRY(call.filters());
  TRY(request.filters.Allow({"before", "dangling", "label", "label!", "reference", "since", "until"}));
  if (call.minor < 41 && call.has("filter")) request.filters.Add("reference", call.query("filter"));
  request.shared_size = call.minor >= 42 && call.flag("shared-size");
  request.manifests = call.minor >= 47 && call.flag("manifests");
  const auto images = TRY(call.engine->ListImages(request));
  RespondJson(call, 200, ListForVersion(call, images));
  return Ok();
}

Status Inspect(Call& call) {
  engine::ImageQuestion question;
  question.manifests = call.minor >= 48 && call.flag("manifests");
  question.platform = TRY(PlatformFrom(call, 49));
  if (question.manifests && !question.platform.empty())
    return Error(Code::kInvalidArgument, "conflicting options: manifests and platform options cannot both be set");
  const auto image = TRY(call.engine->InspectImage(call.id(), question));
  RespondJson(call, 200, ForVersion(call.minor, image));
  return Ok();
}

Status History(Call& call) {
  const std::string platform = TRY(PlatformFrom(call, 48));
  const auto history = TRY(call.engine->ImageHistory(call.id(), platform));
  RespondJson(call, 200, JsonList(history));
  return Ok();
}

Status Tag(Call& call) {
  TRY(call.engine->TagImage(call.id(), call.query("repo"), call.query("tag")));
  RespondEmpty(*call.exchange, 201);
  return Ok();
}

Status Remove(Call& call) {
  engine::ImageRemoveRequest request{.force = call.flag("force"), .no_prune = call.flag("noprune"), .platforms = {}};
  if (call.minor >= 50) {
    for (const std::string& platform : call.exchange->query().GetAll("platforms"))
      request.platforms.push_back(TRY(ReadPlatform(platform)));
  }
  const auto items = TRY(call.engine->RemoveImage(call.id(), request));
  RespondJson(call, 200, JsonList(items));
  return Ok();
}

Status Prune(Call& call) {
  const apitypes::Filters filters = TRY(call.filters());
  TRY(filters.Allow({"dangling", "label", "label!", "until"}));
  const auto report = TRY(call.engine->PruneImages(filters));
  codec::Json deleted = codec::Json::MakeArray();
  // Ids of images, and names that they had.
  for (const std::string& gone : report.deleted)
    deleted.Append(codec::Json::MakeObject({{gone.starts_with("sha256:") ? "Deleted" : "Untagged", gone}}));
  RespondJson(call, 200,
              codec::Json::MakeObject(
                  {{"ImagesDeleted", std::move(deleted)}, {"SpaceReclaimed", report.space_reclaimed}}));
  return Ok();
}

// POST /images/create?fromSrc=…: "-" is an archive in the body, anything else a URL.
Status Import(Call& call) {
  engine::ImportRequest request;
  const std::string& source = call.query("fromSrc");
  if (source != "-") request.url = source.find("://") == std::string::npos ? "http://" + source : source;
  request.repository = call.query("repo");
  request.tag = call.query("tag");
  request.message = call.query("message");
  if (request.message.empty()) request.message = "Imported from " + source;
  request.platform = call.query("platform");
  request.changes = call.exchange->query().GetAll("changes");
  os::UniqueFd body = call.exchange->TakeBody();
  if (!request.url.empty()) body.Reset();
  const engine::Token token =
      TRY(call.engine->ImportImage(request, std::move(body), ProgressTo(call.exchange)));
  CancelWhenCut(call, token);
  return Ok();
}

Status Pull(Call& call) {
  if (call.has("fromSrc")) return Import(call);
  engine::PullRequest request;
  request.reference = call.query("fromImage");
  if (request.reference.empty()) return Error(Code::kInvalidArgument, "missing parameter 'fromImage'");
  const std::string& tag = call.query("tag");
  if (!tag.empty()) request.reference += (tag.starts_with("sha256:") ? "@" : ":") + tag;
  request.platform = call.query("platform");
  request.all_platforms = call.flag("allPlatforms");
  request.auth = apitypes::AuthConfig::FromHeader(call.exchange->headers().Get("X-Registry-Auth"));
  const engine::Token token = TRY(call.engine->PullImage(request, ProgressTo(call.exchange)));
  CancelWhenGone(call, token);
  return Ok();
}

Status Push(Call& call) {
  engine::PushRequest request;
  request.name = call.id();
  request.tag = call.query("tag");
  request.platform = TRY(PlatformFrom(call, 46));
  request.auth = apitypes::AuthConfig::FromHeader(call.exchange->headers().Get("X-Registry-Auth"));
  const engine::Token token = TRY(call.engine->PushImage(request, ProgressTo(call.exchange)));
  CancelWhenGone(call, token);
  return Ok();
}

Status CheckLogin(Call& call) {
  const codec::Json body = TRY(call.body(/*required=*/true));
  const apitypes::AuthConfig auth = TRY(apitypes::AuthConfig::FromJson(body));
  const auto answer = std::make_shared<std::string>();
  engine::ProgressCallbacks callbacks;
  callbacks.line = [answer](std::string_view line) { *answer = line; };
  callbacks.done = [answer, exchange = call.exchange](const Status& status) {
    if (!status.ok()) return RespondError(*exchange, status.error());
    exchange->Respond(200, {{"Content-Type", "application/json"}}, std::move(*answer));
  };
  const engine::Token token = TRY(call.engine->CheckLogin(auth, std::move(callbacks)));
  CancelWhenGone(call, token);
  return Ok();
}

// A client on the UNIX socket may hand over the file that it wants an answer in ("Estiba-Answer-To: descriptor"): it is
// written there, and the answer, which says so in the same words, has no body. Other engines do not know of this and
// answer as always.
constexpr const char* kAnswerTo = "Estiba-Answer-To";
constexpr const char* kDescriptor = "descriptor";

bool IsFile(int fd) {
  struct stat status {};
  const int flags = ::fcntl(fd, F_GETFL);
  const bool writable = (flags & O_ACCMODE) == O_WRONLY || (flags & O_ACCMODE) == O_RDWR;
  return flags >= 0 && writable && ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

// Files are made and read there with the engine's rights.
bool IsOwnDirectory(const Call& call, int fd) {
  struct stat status {};
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || (flags & O_PATH) != 0 || ::fstat(fd, &status) != 0 || !S_ISDIR(status.st_mode)) return false;
  const uid_t caller = call.exchange->peer().uid;
  return caller == 0 || caller == status.st_uid;
}

Result<os::UniqueFd> FileForAnswer(Call& call) {
  os::UniqueFd file = call.exchange->TakeDescriptor();
  if (call.exchange->headers().Get(kAnswerTo) != kDescriptor) return os::UniqueFd();
  if (IsFile(file.get()) || IsOwnDirectory(call, file.get())) return file;
  return Error(Code::kInvalidArgument, std::string(kAnswerTo) +
                                           ": neither a regular file, open for writing, came with it, nor a directory "
                                           "of the caller's");
}

// An OCI layout that is a directory comes in the same way ("Estiba-Archive-From: descriptor").
Result<os::UniqueFd> ArchiveOf(Call& call) {
  os::UniqueFd passed = call.exchange->TakeDescriptor();
  if (call.exchange->headers().Get("Estiba-Archive-From") != kDescriptor) return call.exchange->TakeBody();
  if (IsOwnDirectory(call, passed.get())) return passed;
  return Error(Code::kInvalidArgument, "Estiba-Archive-From: no directory of the caller's came with it");
}

Status Load(Call& call) {
  engine::LoadRequest request;
  request.quiet = call.flag("quiet");
  request.platform = TRY(PlatformFrom(call, 48, /*plain=*/true));
  os::UniqueFd archive = TRY(ArchiveOf(call));
  const engine::Token token =
      TRY(call.engine->LoadImages(request, std::move(archive), ProgressTo(call.exchange)));
  CancelWhenCut(call, token);
  return Ok();
}

Status SendArchive(Call& call, const std::vector<std::string>& names) {
  engine::SaveRequest request;
  request.names = names;
  request.format = call.query("format");
  request.platform = TRY(PlatformFrom(call, 48, /*plain=*/true));
  os::UniqueFd file = TRY(FileForAnswer(call));
  const bool directory = file.valid() && !IsFile(file.get());
  if (directory != request.format.ends_with("-dir"))
    return Error(Code::kInvalidArgument, "format '" + request.format + "' " +
                                             (directory ? "does not go into a directory" : "needs a directory"))
        .Hint("directories are for oci-dir and docker-dir; a client hands them over on the UNIX socket");
  if (!file.valid()) return SendStream(call, TRY(call.engine->SaveImages(request)), "application/x-tar");
  const auto done = [exchange = call.exchange](const Status& status) {
    if (!status.ok()) return RespondError(*exchange, status.error());
    exchange->Respond(200, {{kAnswerTo, kDescriptor}}, "");
  };
  CancelWhenGone(call, TRY(call.engine->SaveImagesTo(request, std::move(file), done)));
  return Ok();
}

Status SaveOne(Call& call) { return SendArchive(call, {call.id()}); }

Status SaveMany(Call& call) {
  const std::vector<std::string> names = call.exchange->query().GetAll("names");
  if (names.empty()) return Error(Code::kInvalidArgument, "missing parameter 'names'");
  return SendArchive(call, names);
}

}  // namespace

void AddImageRoutes(Router* router) {
  router->Add("GET", "/images/json", List);
  router->Add("POST", "/images/create", Pull);
  router->Add("POST", "/images/load", Load);
  router->Add("POST", "/images/{id*}/push", Push);
  router->Add("POST", "/auth", CheckLogin);
  router->Add("POST", "/images/prune", Prune);
  router->Add("GET", "/images/get", SaveMany);
  router->Add("GET", "/images/{id*}/json", Inspect);
  router->Add("GET", "/images/{id*}/history", History);
  router->Add("GET", "/images/{id*}/get", SaveOne);
  router->Add("POST", "/images/{id*}/tag", Tag);
  router->Add("DELETE", "/images/{id*}", Remove);
}

}  // namespace estiba::api::docker
