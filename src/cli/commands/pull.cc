#include "commands/pull.h"

#include <unistd.h>

#include "client/logins.h"
#include "commands/commands.h"
#include "commands/transfer.h"
#include "term/terminal.h"
#include "text/progress.h"

namespace estiba::cli {
namespace {

constexpr Flag kFlags[] = {
    {'\0', "all-platforms", Kind::kBool, "", "Keep the images of every platform, for push and save"},
    {'\0', "platform", Kind::kString, "string", "Set platform if server is multi-platform capable"},
    {'q', "quiet", Kind::kBool, "", "Suppress verbose output"},
};

Result<int> RunPull(App& app, const Options& options) {
  PullOptions pull;
  pull.reference = options.arg(0);
  pull.platform = options.Text("platform");
  pull.quiet = options.On("quiet");
  pull.all_platforms = options.On("all-platforms");
  if (pull.all_platforms && !pull.platform.empty())
    return Error(Code::kInvalidArgument, "--platform and --all-platforms exclude each other");
  const auto [name, tag] = SplitReference(pull.reference);
  if (tag.empty() && !pull.quiet) PrintLine("Using default tag: latest");
  Api* engine = TRY(app.Engine());
  const std::string pulled = TRY(Pull(engine, pull));
  PrintLine(WithTag(pulled));
  return 0;
}

Status PullOne(Api* api, const PullOptions& options, const std::string& reference) {
  const auto [name, tag] = SplitReference(reference);
  http::Query query;
  query.Add("fromImage", name);
  query.Add("tag", tag.empty() ? "latest" : tag);
  if (!options.platform.empty()) query.Add("platform", options.platform);
  if (options.all_platforms) query.Add("allPlatforms", "1");
  http::Request request;
  request.method = "POST";
  request.target = "/images/create?" + query.Encode();
  AddRegistryAuth(reference, &request.headers);
  return FollowProgress(api, request, options.fd, options.quiet);
}

}  // namespace

NameAndTag SplitReference(const std::string& reference) {
  if (const auto at = reference.find('@'); at != std::string::npos)
    return {reference.substr(0, at), reference.substr(at + 1)};
  const auto slash = reference.rfind('/');
  const auto colon = reference.rfind(':');
  const bool tagged = colon != std::string::npos && (slash == std::string::npos || colon > slash);
  if (!tagged) return {reference, ""};
  return {reference.substr(0, colon), reference.substr(colon + 1)};
}

std::string WithTag(const std::string& reference) {
  return SplitReference(reference).tag.empty() ? reference + ":latest" : reference;
}

Result<std::string> Pull(Api* api, const PullOptions& options) {
  Meaning meaning = TRY(MeaningOf(api, options.reference));
  return Pull(api, options, std::move(meaning));
}

Result<std::string> Pull(Api* api, const PullOptions& options, Meaning meaning) {
  const bool chosen = TRY(Choose(options.reference, &meaning));
  std::string failures;
  for (const std::string& name : meaning.names) {
    if (meaning.names.size() > 1 && !options.quiet) PrintError("Trying to pull " + name + "...");
    Status pulled = PullOne(api, options, name);
    if (pulled.ok()) {
      if (chosen) Remember(options.reference, name);
      return name;
    }
    if (meaning.names.size() == 1) return std::move(pulled).error();
    failures += "\n * " + name + ": " + pulled.error().ToString();
  }
  return Error(Code::kNotFound, std::to_string(meaning.names.size()) + " errors occurred while pulling '" +
                                    options.reference + "':" + failures);
}

constinit const Command kPull{.name = "pull",
                              .usage = "[OPTIONS] NAME[:TAG|@DIGEST]",
                              .summary = "Download an image from a registry",
                              .flags = kFlags,
                              .min_args = 1,
                              .max_args = 1,
                              .run = RunPull,
                              .details = "A NAME without a registry is Docker Hub's, unless registries.conf has an "
                                         "alias for it or registries to\nsearch: `docs/registries.md`."};

}  // namespace estiba::cli
