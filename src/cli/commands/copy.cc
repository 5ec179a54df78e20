// copy: an image from registry to registry.

#include <unistd.h>

#include "client/logins.h"
#include "commands/commands.h"
#include "commands/transfer.h"
#include "oci/reference.h"

namespace estiba::cli {
namespace {

constexpr Flag kFlags[] = {
    {'a', "all", Kind::kBool, "", "Copy an index with the images of all platforms"},
    {'\0', "platform", Kind::kString, "string", "Copy an index's image for this platform (os/arch[/variant])"},
    {'q', "quiet", Kind::kBool, "", "Print the copy's name and digest alone"},
    {'\0', "referrers", Kind::kBool, "", "Copy what refers to the image, too: signatures, bills of materials"},
};

// Other tools' way to say that a name is of a registry's.
std::string WithoutScheme(const std::string& name) {
  constexpr std::string_view kScheme = "docker://";
  return name.starts_with(kScheme) ? name.substr(kScheme.size()) : name;
}

Result<int> RunCopy(App& app, const Options& options) {
  const std::string from = WithoutScheme(options.arg(0));
  const std::string to = WithoutScheme(options.arg(1));
  const bool quiet = options.On("quiet");
  if (options.On("all") && options.Has("platform"))
    return Error(Code::kInvalidArgument, "--platform can't be used with --all/-a");
  const oci::Reference destination = TRY_CTX(oci::ParseReference(to), "invalid destination '" + to + "'");
  http::Query query;
  query.Add("from", from);
  query.Add("to", to);
  if (options.On("all")) query.Add("all", "1");
  if (options.On("referrers")) query.Add("referrers", "1");
  if (options.Has("platform")) query.Add("platform", options.Text("platform"));
  http::Request request;
  request.method = "POST";
  request.target = "/estiba/v1/images/copy?" + query.Encode();
  AddRegistryAuth(from, &request.headers);
  AddRegistryAuth(to, &request.headers, "X-Estiba-Destination-Auth");
  Api* engine = TRY(app.Engine());
  std::string digest;
  TRY(FollowProgress(engine, request, STDOUT_FILENO, quiet, [&digest](const codec::Json& message) {
    if (const codec::Json* aux = message.Find("aux")) digest = aux->GetString("Digest");
  }));
  if (quiet) PrintLine(destination.Name() + "@" + digest);
  return 0;
}

}  // namespace

constinit const Command kCopy{
    .name = "copy",
    .usage = "[OPTIONS] SOURCE DESTINATION",
    .summary = "Copy an image from registry to registry",
    .flags = kFlags,
    .min_args = 2,
    .max_args = 2,
    .run = RunCopy,
    .details = "Manifests and layers go byte for byte, so digests stay, and nothing is unpacked or kept here. Of an\n"
               "index the image for this machine is copied unless --all or --platform say otherwise."};

}  // namespace estiba::cli
