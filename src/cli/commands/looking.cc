// top and explain: what one container is doing.

#include <unistd.h>

#include "base/text.h"
#include "commands/commands.h"
#include "commands/list.h"
#include "term/terminal.h"
#include "text/escape.h"
#include "text/table.h"

namespace estiba::cli {
namespace {

using codec::Json;

Result<int> RunTop(App& app, const Options& options) {
  http::Query query;
  const std::vector<std::string> words(options.args().begin() + 1, options.args().end());
  if (!words.empty()) query.Add("ps_args", Join(words, " "));
  Api* engine = TRY(app.Engine());
  const Json top = TRY(engine->Get(ContainerPath(options.arg(0), "top"), query));
  std::vector<std::vector<std::string>> rows;
  if (const Json* titles = top.Find("Titles")) rows.push_back(Strings(titles));
  const Json* processes = top.Find("Processes");
  for (std::size_t i = 0; processes != nullptr && i < processes->size(); ++i)
    rows.push_back(Strings(&(*processes->IfArray())[i]));
  const std::string table = AlignRows(rows, 20, 3);
  Print(IsTerminal(STDOUT_FILENO) ? EscapeControls(table) : table);
  return 0;
}

constexpr Flag kExplainFlags[] = {
    {'\0', "json", Kind::kBool, "", "Print the plan as JSON"},
    {'\0', "shell", Kind::kBool, "", "Print the plan as a shell script"},
};

Result<int> RunExplain(App& app, const Options& options) {
  if (options.On("json") && options.On("shell"))
    return Error(Code::kInvalidArgument, "conflicting options: cannot specify both --json and --shell");
  http::Query query;
  query.Add("format", options.On("json") ? "json" : (options.On("shell") ? "shell" : "text"));
  Api* engine = TRY(app.Engine());
  TRY(Show(engine->GetText("/estiba" + ContainerPath(options.arg(0), "plan"), query)));
  return 0;
}

}  // namespace

constinit const Command kTop{.name = "top",
                             .usage = "CONTAINER [ps OPTIONS]",
                             .summary = "Display the running processes of a container",
                             .flags = {},
                             .min_args = 1,
                             .run = RunTop,
                             .stop_at_positional = true};
constinit const Command kExplain{
    .name = "explain",
    .usage = "[OPTIONS] CONTAINER",
    .summary = "Show what makes up a container, step by step",
    .flags = kExplainFlags,
    .min_args = 1,
    .max_args = 1,
    .run = RunExplain,
    .details =
        "Prints the plan of the container's last start, or of its next one: every operation on the kernel, "
        "where\n"
        "it runs and which setting it comes from. `estiba run --dry-run` does so before a container exists."};

}  // namespace estiba::cli
