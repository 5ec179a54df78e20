#include <utility>

#include "codec/json.h"
#include "engine_impl.h"
#include "oci/reference.h"
#include "pull_sources.h"

namespace estiba::engine {

Result<Token> EngineImpl::PushImage(const PushRequest& request, ProgressCallbacks callbacks) {
  const oci::Reference name = TRY(oci::ParseReference(request.name));
  if (!name.digest.empty()) return Error(Code::kInvalidArgument, "cannot push a digest reference");
  if (!name.tag.empty() && !request.tag.empty())
    return Error(Code::kInvalidArgument, "'" + request.name + "' has a tag, and another is given beside it");
  image::TransferJob job;
  job.kind = image::JobKind::kPush;
  job.reference = name.Name();
  job.pushes = TRY(images_->ForPush(name, name.tag.empty() ? request.tag : name.tag));
  if (!request.platform.empty()) job.platform = TRY(oci::ParsePlatform(request.platform));
  const auto held = std::make_shared<std::vector<Images::Hold>>();
  for (const image::PushItem& item : job.pushes) {
    const ImagePtr image = TRY(images_->Get(item.image_id));
    held->push_back(TRY(HoldBlobs(*image)));
  }
  const auto now = config();
  const image::PullSource destination = TRY(DestinationOf(name, *now));
  if (destination.host == name.domain && destination.path == name.path)
    job.origins = images_->OriginsOf(job.pushes, name);
  job.sources = {destination};
  job.insecure_registries = now->insecure_registries;
  job.auth = AuthOf(request.auth);
  callbacks.line(codec::Json::MakeObject({{"status", "The push refers to repository [" + name.Name() + "]"}}).Dump() +
                 "\r\n");
  const Done done = std::move(callbacks.done);
  callbacks.done = [this, done, held, shown = name.FamiliarName(), pushes = job.pushes](Status status) {
    held->clear();
    TidyAfterTransfer();
    for (const image::PushItem& item : pushes)
      if (status.ok()) events_.Publish("image", "push", shown + ":" + item.tag, {{"name", shown}});
    done(std::move(status));
  };
  return transfers_->Start("", std::move(job), {}, std::move(callbacks));
}

Result<Token> EngineImpl::CopyImage(const CopyRequest& request, ProgressCallbacks callbacks) {
  const oci::Reference source = TRY_CTX(oci::ParseReferenceOrLatest(request.source), "source");
  const oci::Reference destination = TRY_CTX(oci::ParseReferenceOrLatest(request.destination), "destination");
  if (request.all && !request.platform.empty())
    return Error(Code::kInvalidArgument, "all of an index and one platform of it were asked for");
  const auto now = config();
  image::TransferJob job;
  job.kind = image::JobKind::kCopy;
  job.reference = source.ToString();
  job.insecure_registries = now->insecure_registries;
  job.stall_timeout = static_cast<unsigned>(now->stall_timeout);
  job.parallel_ranges = static_cast<unsigned>(now->parallel_ranges);
  job.signed_by = TRY(SignaturesOf(source, *now));
  job.sources = TRY(SourcesOf(source, *now, job.signed_by));
  if (!request.platform.empty()) job.platform = TRY(oci::ParsePlatform(request.platform));
  job.auth = AuthOf(request.source_auth);
  job.copy.reference = destination.ToString();
  job.copy.place = TRY(DestinationOf(destination, *now));
  job.copy.auth = AuthOf(request.destination_auth);
  job.copy.all = request.all;
  job.copy.referrers = request.referrers;
  callbacks.line(
      codec::Json::MakeObject({{"status", "The copy refers to repository [" + destination.Name() + "]"}}).Dump() +
      "\r\n");
  return transfers_->Start("", std::move(job), {}, std::move(callbacks));
}

namespace {

// "h.io:5000/term" is a search for "term" at h.io:5000, "user/term" one at Docker Hub.
std::pair<std::string, std::string> SplitTerm(const std::string& text) {
  const std::size_t slash = text.find('/');
  const std::string first = text.substr(0, slash);
  const bool host = first.find_first_of(".:") != std::string::npos || first == "localhost";
  if (slash == std::string::npos || !host) return {"docker.io", text};
  return {first, text.substr(slash + 1)};
}

bool IsFullId(const std::string& text) {
  constexpr std::size_t kDigits = 64;
  return oci::IsDigest(text) || (text.size() == kDigits && oci::LooksLikeId(text));
}

}  // namespace

Result<Token> EngineImpl::AskRegistry(const RegistryQuestion& question, ProgressCallbacks callbacks) {
  const auto now = config();
  image::TransferJob job;
  job.kind = image::JobKind::kAsk;
  job.question = static_cast<image::Question>(question.kind);
  job.limit = question.limit;
  job.insecure_registries = now->insecure_registries;
  job.auth = AuthOf(question.auth);
  if (question.kind == RegistryQuestion::Kind::kSearch) {
    const auto [host, term] = SplitTerm(question.subject);
    if (term.empty()) return Error(Code::kInvalidArgument, "no term to search for was given");
    job.reference = TRY(oci::RegistryHost(host));
    job.term = term;
    job.sources = {TRY(RegistryAt(job.reference, *now))};
  } else {
    // In docker's words; registries know images by names alone.
    if (IsFullId(question.subject)) return Error(Code::kInternal, "no manifest found for full image ID");
    const oci::Reference name = TRY(oci::ParseReferenceOrLatest(question.subject));
    job.reference = name.ToString();
    using Kind = RegistryQuestion::Kind;
    if (question.kind == Kind::kTags || question.kind == Kind::kReferrers) {
      job.sources = {TRY(DestinationOf(name, *now))};
    } else {
      job.sources = TRY(SourcesOf(name, *now));  // a mirror's manifest is as good
    }
    if (question.insecure) job.insecure_registries.push_back(job.sources.back().host);
  }
  return transfers_->Start("", std::move(job), {}, std::move(callbacks));
}

}  // namespace estiba::engine
