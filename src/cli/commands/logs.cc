#include <unistd.h>

#include "apitypes/stdcopy.h"
#include "commands/commands.h"
#include "options/values.h"
#include "os/file.h"

namespace estiba::cli {
namespace {

constexpr Flag kFlags[] = {
    {'\0', "details", Kind::kBool, "", "Show extra details provided to logs"},
    {'f', "follow", Kind::kBool, "", "Follow log output"},
    {'\0', "since", Kind::kString, "string",
     "Show logs since timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\" for 42 minutes)"},
    {'n', "tail", Kind::kString, "string",
     "Number of lines to show from the end of the logs (default \"all\")"},
    {'t', "timestamps", Kind::kBool, "", "Show timestamps"},
    {'\0', "until", Kind::kString, "string",
     "Show logs before a timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\" for 42 "
     "minutes)"},
};

Result<http::Query> LogsQuery(const Options& options) {
  http::Query query;
  query.Add("stdout", "1");
  query.Add("stderr", "1");
  if (options.On("follow")) query.Add("follow", "1");
  if (options.On("timestamps")) query.Add("timestamps", "1");
  if (options.On("details")) query.Add("details", "1");
  const std::string tail = options.Text("tail", "all");
  if (tail != "all" && !ParseGoInt(tail).ok())
    return Error(Code::kInvalidArgument,
                 "invalid value for \"tail\": '" + tail + "' is neither a number nor \"all\"");
  query.Add("tail", tail);
  for (const char* bound : {"since", "until"}) {
    if (!options.Has(bound)) continue;
    const auto time = TimestampText(options.Text(bound), WallNow());
    if (!time.ok())
      return Error(Code::kInvalidArgument,
                   "invalid value for \"" + std::string(bound) + "\": " + time.error().Message());
    query.Add(bound, *time);
  }
  return query;
}

Result<int> RunLogs(App& app, const Options& options) {
  const http::Query query = TRY(LogsQuery(options));
  Api* engine = TRY(app.Engine());
  http::Request request;
  request.target = ContainerPath(options.arg(0), "logs") + "?" + query.Encode();
  const auto stream = TRY(engine->Open(request));
  // A container with a terminal has one stream, which comes as it is.
  const bool raw = stream->headers().Get("Content-Type") == "application/vnd.docker.raw-stream";
  using apitypes::Stream;
  apitypes::Demultiplexer frames([](Stream to, std::string_view bytes) -> Status {
    if (to == Stream::kSystemError)
      return Error(Code::kInternal, "error from daemon in stream: " + std::string(bytes));
    return os::WriteAll(to == Stream::kStderr ? STDERR_FILENO : STDOUT_FILENO, bytes);
  });
  for (;;) {
    const auto bytes = stream->Read();
    if (!bytes.ok()) return bytes.error().Clone();
    if (bytes->empty()) break;
    if (raw) {
      Print(*bytes);
    } else {
      TRY(frames.Feed(*bytes));
    }
  }
  TRY(frames.Finish());
  return 0;
}

}  // namespace

constinit const Command kLogs{.name = "logs",
                              .usage = "[OPTIONS] CONTAINER",
                              .summary = "Fetch the logs of a container",
                              .flags = kFlags,
                              .min_args = 1,
                              .max_args = 1,
                              .run = RunLogs};

}  // namespace estiba::cli
