#include <unistd.h>

#include "client/logins.h"
#include "commands/commands.h"
#include "commands/transfer.h"
#include "oci/image.h"
#include "oci/reference.h"

namespace estiba::cli {
namespace {

constexpr Flag kFlags[] = {
    {'a', "all-tags", Kind::kBool, "", "Push all tags of an image to the repository"},
    {'\0', "platform", Kind::kString, "string", "Push the image for this platform alone (os/arch[/variant])"},
    {'q', "quiet", Kind::kBool, "", "Suppress verbose output"},
};

Result<std::string> PlatformJson(const std::string& text) {
  const oci::Platform platform = TRY(oci::ParsePlatform(text));
  codec::Json json = codec::Json::MakeObject({{"architecture", platform.architecture}, {"os", platform.os}});
  if (!platform.variant.empty()) json.Add("variant", platform.variant);
  return json.Dump();
}

Result<int> RunPush(App& app, const Options& options) {
  oci::Reference reference = TRY(oci::ParseReference(options.arg(0)));
  const bool all = options.On("all-tags");
  const bool quiet = options.On("quiet");
  if (!reference.digest.empty()) return Error(Code::kInvalidArgument, "cannot push a digest reference");
  if (all && !reference.tag.empty())
    return Error(Code::kInvalidArgument, "tag can't be used with --all-tags/-a");
  if (!all && reference.tag.empty()) {
    reference.tag = "latest";
    if (!quiet) PrintLine("Using default tag: latest");
  }
  http::Query query;
  if (!all) query.Add("tag", reference.tag);
  if (options.Has("platform")) query.Add("platform", TRY(PlatformJson(options.Text("platform"))));
  http::Request request;
  request.method = "POST";
  request.target = "/images/" + http::PercentEncode(reference.FamiliarName(), true) + "/push?" + query.Encode();
  AddRegistryAuth(options.arg(0), &request.headers);
  Api* engine = TRY(app.Engine());
  TRY(FollowProgress(engine, request, STDOUT_FILENO, quiet));
  if (quiet) PrintLine(reference.ToString());
  return 0;
}

}  // namespace

constinit const Command kPush{.name = "push",
                              .usage = "[OPTIONS] NAME[:TAG]",
                              .summary = "Upload an image to a registry",
                              .flags = kFlags,
                              .min_args = 1,
                              .max_args = 1,
                              .run = RunPush};

}  // namespace estiba::cli
