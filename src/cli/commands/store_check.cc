// store check.

#include <unistd.h>

#include "commands/commands.h"
#include "commands/transfer.h"

namespace estiba::cli {
namespace {

constexpr Flag kFlags[] = {
    {'q', "quiet", Kind::kBool, "", "Only tell of problems by the exit code and the last line"},
    {'\0', "repair", Kind::kBool, "", "Make again, or fetch from the registry, what is broken"},
};

Result<int> RunCheck(App& app, const Options& options) {
  Api* engine = TRY(app.Engine());
  http::Request request;
  request.method = "POST";
  request.target = std::string("/estiba/v1/store/check?repair=") + (options.On("repair") ? "1" : "0");
  TRY(FollowProgress(engine, request, STDOUT_FILENO, options.On("quiet")));
  return 0;
}

}  // namespace

constinit const Command kStoreCheck{
    .name = "check",
    .usage = "[OPTIONS]",
    .summary = "Verify every blob and layer of the images",
    .flags = kFlags,
    .max_args = 0,
    .run = RunCheck,
    .details = "Reads every blob and unpacks every layer again to compare it with the one in use; exits with 1 when\n"
               "something broken is left. With --repair, layers are made again from their blobs and lost blobs\n"
               "fetched from the registry that the image came from; layers that a container runs on are left."};

}  // namespace estiba::cli
