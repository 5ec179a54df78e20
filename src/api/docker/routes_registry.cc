// What registries are asked, with credentials in X-Registry-Auth; name= is a name or an image.
//   GET /images/search, GET /distribution/NAME/json     docker's
//   GET /estiba/registry/tags, /estiba/registry/referrers
//   GET /estiba/v1/images/manifest      {"Ref", "Descriptor", "Raw" in base64} of what the name stands for. each=1:
//                                       with its platform, and of an index a list of these, of all that it names.
//                                       insecure=1: the registry may be one without TLS, or without a certificate that
//                                       anybody vouches for
//   POST /estiba/v1/images/copy         from= to=, platform=, all=1, referrers=1, and the destination's credentials in
//                                       X-Estiba-Destination-Auth; answers progress lines
//   GET /estiba/v1/images/meanings      {"Names": the full names that a short one stands for here, "Here": the one that
//                                       is here or "", "Choice": whether one of several is to be chosen, "none",
//                                       "offered" or "required"}; alias= is what the client's own aliases say of it
#include <algorithm>
#include <functional>

#include "base/parse.h"
#include "call.h"
#include "progress.h"
#include "router.h"
#include "streams.h"

namespace estiba::api::docker {
namespace {

using codec::Json;

// What of an answer that is a list goes to the client. Empty: all of it, and of any other answer.
using Pass = std::function<bool(const Json& item)>;

Status Ask(Call& call, engine::RegistryQuestion question, Pass pass = {}) {
  question.auth = apitypes::AuthConfig::FromHeader(call.exchange->headers().Get("X-Registry-Auth"));
  const auto answer = std::make_shared<std::string>();
  engine::ProgressCallbacks callbacks;
  callbacks.line = [answer](std::string_view line) { *answer = line; };
  callbacks.done = [answer, pass = std::move(pass), exchange = call.exchange](const Status& status) {
    if (!status.ok()) return RespondError(*exchange, status.error());
    auto json = codec::ParseJson(*answer);
    if (!json.ok() || (pass && !json->IsArray()))
      return RespondError(*exchange, Error(Code::kInternal, "the transfer's answer cannot be understood"));
    if (pass) std::erase_if(*json->IfArray(), [&](const Json& item) { return !pass(item); });
    RespondJson(*exchange, 200, *json);
  };
  const engine::Token token = TRY(call.engine->AskRegistry(question, std::move(callbacks)));
  CancelWhenGone(call, token);
  return Ok();
}

// Docker's: is-official, is-automated, and the least number of stars.
Result<Pass> SearchFilter(const Call& call) {
  const apitypes::Filters filters = TRY(call.filters());
  TRY(filters.Allow({"is-official", "is-automated", "stars"}));
  const bool official = TRY(filters.Flag("is-official", false));
  const bool automated = TRY(filters.Flag("is-automated", false));
  std::int64_t stars = 0;
  for (const std::string& text : filters.Get("stars")) {
    const auto number = ParseInt(text);
    if (!number.ok()) return Error(Code::kInvalidArgument, "invalid filter 'stars=[" + text + "]'");
    stars = std::max(stars, *number);
  }
  const bool by_official = filters.Has("is-official");
  const bool by_automated = filters.Has("is-automated");
  return Pass([=](const Json& item) {
    if (by_official && item.GetBool("is_official") != official) return false;
    if (by_automated && item.GetBool("is_automated") != automated) return false;
    return item.GetInt("star_count") >= stars;
  });
}

Status Search(Call& call) {
  engine::RegistryQuestion question;
  question.kind = engine::RegistryQuestion::Kind::kSearch;
  question.subject = call.query("term");
  const auto limit = TRY(call.number("limit"));
  // As Docker: no limit and 0 are 25.
  if (limit && *limit != 0) {
    if (*limit < 1 || *limit > 100)
      return Error(Code::kInvalidArgument,
                   "limit " + std::to_string(*limit) + " is outside the range of [1, 100]");
    question.limit = static_cast<unsigned>(*limit);
  }
  Pass pass = TRY(SearchFilter(call));
  return Ask(call, std::move(question), std::move(pass));
}

Status AskAbout(Call& call, engine::RegistryQuestion::Kind kind) {
  engine::RegistryQuestion question;
  question.kind = kind;
  question.subject = call.query("name");
  return Ask(call, std::move(question));
}

Status Tags(Call& call) { return AskAbout(call, engine::RegistryQuestion::Kind::kTags); }

Status Referrers(Call& call) { return AskAbout(call, engine::RegistryQuestion::Kind::kReferrers); }

Status Distribution(Call& call) {
  engine::RegistryQuestion question;
  question.kind = engine::RegistryQuestion::Kind::kDistribution;
  question.subject = call.id();
  return Ask(call, std::move(question));
}

Status Manifest(Call& call) {
  engine::RegistryQuestion question;
  using Kind = engine::RegistryQuestion::Kind;
  question.kind = call.flag("each") ? Kind::kManifests : Kind::kManifest;
  question.subject = call.query("name");
  question.insecure = call.flag("insecure");
  return Ask(call, std::move(question));
}

Status Copy(Call& call) {
  engine::CopyRequest request;
  request.source = call.query("from");
  request.destination = call.query("to");
  if (request.source.empty()) return Error(Code::kInvalidArgument, "missing parameter 'from'");
  if (request.destination.empty()) return Error(Code::kInvalidArgument, "missing parameter 'to'");
  request.platform = call.query("platform");
  request.all = call.flag("all");
  request.referrers = call.flag("referrers");
  const http::Headers& headers = call.exchange->headers();
  request.source_auth = apitypes::AuthConfig::FromHeader(headers.Get("X-Registry-Auth"));
  request.destination_auth = apitypes::AuthConfig::FromHeader(headers.Get("X-Estiba-Destination-Auth"));
  const engine::Token token = TRY(call.engine->CopyImage(request, ProgressTo(call.exchange)));
  CancelWhenGone(call, token);
  return Ok();
}

const char* NameOf(sources::Meanings::Choice choice) {
  switch (choice) {
    case sources::Meanings::Choice::kNone: return "none";
    case sources::Meanings::Choice::kOffered: return "offered";
    case sources::Meanings::Choice::kRequired: break;
  }
  return "required";
}

Status Meanings(Call& call) {
  const std::string name = call.query("name");
  if (name.empty()) return Error(Code::kInvalidArgument, "missing parameter 'name'");
  std::optional<std::string> alias;
  if (call.has("alias")) alias = call.query("alias");
  const engine::NameMeanings found = TRY(call.engine->ImageMeanings(name, alias));
  RespondJson(call, 200,
              Json::MakeObject({{"Names", found.names}, {"Here", found.here}, {"Choice", NameOf(found.choice)}}));
  return Ok();
}

}  // namespace

void AddRegistryRoutes(Router* router) {
  router->Add("GET", "/images/search", Search);
  router->Add("GET", "/distribution/{id*}/json", Distribution);
  router->Add("POST", "/estiba/v1/images/copy", Copy);
  router->Add("GET", "/estiba/v1/images/manifest", Manifest);
  router->Add("GET", "/estiba/v1/images/meanings", Meanings);
  router->Add("GET", "/estiba/registry/tags", Tags);
  router->Add("GET", "/estiba/registry/referrers", Referrers);
}

}  // namespace estiba::api::docker
