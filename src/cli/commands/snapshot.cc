// Containers' files: commit, diff, export; and import, which makes an image of such an archive.

#include <fcntl.h>
#include <unistd.h>

#include "commands/commands.h"
#include "commands/pull.h"
#include "commands/transfer.h"
#include "commands/whole_file.h"
#include "os/file.h"
#include "term/terminal.h"
#include "text/escape.h"

namespace estiba::cli {
namespace {

using codec::Json;

constexpr Flag kCommitFlags[] = {
    {'a', "author", Kind::kString, "string", "Author (e.g., \"John Hannibal Smith <hannibal@a-team.com>\")"},
    {'c', "change", Kind::kList, "list", "Apply Dockerfile instruction to the created image"},
    {'m', "message", Kind::kString, "string", "Commit message"},
    {'p', "pause", Kind::kBool, "", "Pause container during commit (default true)"},
};
constexpr Flag kExportFlags[] = {
    {'o', "output", Kind::kString, "string", "Write to a file, instead of STDOUT"},
};
constexpr Flag kImportFlags[] = {
    {'c', "change", Kind::kList, "list", "Apply Dockerfile instruction to the created image"},
    {'m', "message", Kind::kString, "string", "Set commit message for imported image"},
    {'\0', "platform", Kind::kString, "string", "Set platform if server is multi-platform capable"},
};

void AddName(const Options& options, http::Query* query) {
  if (options.args().size() < 2) return;
  const auto [name, tag] = SplitReference(options.arg(1));
  query->Add("repo", name);
  query->Add("tag", tag);
}

void AddChanges(const Options& options, http::Query* query) {
  for (const std::string& change : options.List("change")) query->Add("changes", change);
}

Result<int> RunCommit(App& app, const Options& options) {
  http::Query query;
  query.Add("container", options.arg(0));
  AddName(options, &query);
  query.Add("comment", options.Text("message"));
  query.Add("author", options.Text("author"));
  if (!options.On("pause", true)) query.Add("pause", "0");
  AddChanges(options, &query);
  Api* engine = TRY(app.Engine());
  const Json answer = TRY(engine->Post("/commit", query));
  PrintLine(answer.GetString("Id"));
  return 0;
}

Result<int> RunDiff(App& app, const Options& options) {
  constexpr std::string_view kLetters = "CAD";
  Api* engine = TRY(app.Engine());
  const Json changes = TRY(engine->Get(ContainerPath(options.arg(0), "changes")));
  if (!changes.IsArray()) return 0;
  const bool terminal = IsTerminal(STDOUT_FILENO);
  std::string text;
  for (const Json& change : *changes.IfArray()) {
    const std::int64_t kind = change.GetInt("Kind");
    const std::string path = change.GetString("Path");
    text += kind >= 0 && kind < 3 ? kLetters[static_cast<std::size_t>(kind)] : '?';
    text += " " + (terminal ? EscapeControls(path) : path) + "\n";
  }
  Print(text);
  return 0;
}

Result<int> RunExport(App& app, const Options& options) {
  return SaveAnswer(app, options, ContainerPath(options.arg(0), "export"), "export");
}

bool IsUrl(const std::string& text) { return text.starts_with("http://") || text.starts_with("https://"); }

Result<int> RunImport(App& app, const Options& options) {
  const std::string& source = options.arg(0);
  os::UniqueFd file;
  if (!IsUrl(source) && source != "-") file = TRY(os::OpenAt({AT_FDCWD}, source, O_RDONLY));
  if (source == "-" && IsTerminal(STDIN_FILENO))
    return Error(Code::kInvalidArgument, "requested import from stdin, but stdin is a terminal");
  http::Query query;
  query.Add("fromSrc", IsUrl(source) ? source : "-");
  AddName(options, &query);
  if (options.Has("message")) query.Add("message", options.Text("message"));
  if (options.Has("platform")) query.Add("platform", options.Text("platform"));
  AddChanges(options, &query);
  Api* engine = TRY(app.Engine());
  TRY(engine->EnsureEngine());  // before the body, which can be sent only once
  http::Request request;
  request.method = "POST";
  request.target = "/images/create?" + query.Encode();
  if (!IsUrl(source)) {
    request.headers.Set("Content-Type", "application/x-tar");
    request.body_fd = file.valid() ? file.get() : STDIN_FILENO;
  }
  TRY(FollowProgress(engine, request, STDOUT_FILENO, false));
  return 0;
}

}  // namespace

constinit const Command kCommit{.name = "commit",
                                .usage = "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
                                .summary = "Create a new image from a container's changes",
                                .flags = kCommitFlags,
                                .min_args = 1,
                                .max_args = 2,
                                .run = RunCommit};
constinit const Command kDiff{.name = "diff",
                              .usage = "CONTAINER",
                              .summary = "Inspect changes to files or directories on a container's filesystem",
                              .flags = {},
                              .min_args = 1,
                              .max_args = 1,
                              .run = RunDiff,
                              .details = "A is what was added, C what was changed, D what was deleted. A directory "
                                         "with a change below it counts as changed."};
constinit const Command kExport{.name = "export",
                                .usage = "[OPTIONS] CONTAINER",
                                .summary = "Export a container's filesystem as a tar archive",
                                .flags = kExportFlags,
                                .min_args = 1,
                                .max_args = 1,
                                .run = RunExport,
                                .details = "What is mounted in the container, volumes too, is left out."};
constinit const Command kImport{.name = "import",
                                .usage = "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
                                .summary = "Import the contents from a tarball to create a filesystem image",
                                .flags = kImportFlags,
                                .min_args = 1,
                                .max_args = 2,
                                .run = RunImport,
                                .details = "The archive may be compressed with gzip, zstd, bzip2 or xz. A URL is "
                                           "fetched by the engine."};

}  // namespace estiba::cli
