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
  TRY(Pull(engine, pull));
  PrintLine(WithTag(pull.reference));
  return 0;
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

Status Pull(Api* api, const PullOptions& options) {
  const auto [name, tag] = SplitReference(options.reference);
  http::Query query;
  query.Add("fromImage", name);
  query.Add("tag", tag.empty() ? "latest" : tag);
  if (!options.platform.empty()) query.Add("platform", options.platform);
  if (options.all_platforms) query.Add("allPlatforms", "1");
  http::Request request;
  request.method = "POST";
  request.target = "/images/create?" + query.Encode();
  AddRegistryAuth(options.reference, &request.headers);
  return FollowProgress(api, request, options.fd, options.quiet);
}

constinit const Command kPull{.name = "pull",
                              .usage = "[OPTIONS] NAME[:TAG|@DIGEST]",
                              .summary = "Download an image from a registry",
                              .flags = kFlags,
                              .min_args = 1,
                              .max_args = 1,
                              .run = RunPull};

}  // namespace estiba::cli
