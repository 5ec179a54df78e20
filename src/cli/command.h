#pragma once
// What a command is, and what it works with.

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "client/api.h"
#include "options/flags.h"

namespace estiba::cli {

// One run of the program.
class App {
 public:
  explicit App(HostFlags flags) : flags_(std::move(flags)) {}

  // The engine, found when first needed. Connecting comes with the first request.
  Result<Api*> Engine();

 private:
  HostFlags flags_;
  std::unique_ptr<Api> api_;
};

inline constexpr std::size_t kAnyNumber = SIZE_MAX;

struct Command {
  std::string_view name;
  std::string_view usage;  // behind the name: "[OPTIONS] CONTAINER [CONTAINER...]"
  std::string_view summary;
  std::span<const Flag> flags;
  std::size_t min_args = 0;
  std::size_t max_args = kAnyNumber;
  // Answers the exit code; an error is printed and exits with 1.
  Result<int> (*run)(App& app, const Options& options) = nullptr;
  bool stop_at_positional = false;
  std::string_view details = {};  // further paragraphs of help
};

// A group ("container", "image") and its commands; the group "" is the top.
struct Entry {
  std::string_view group;
  std::string_view name;
  const Command* command;
  bool hidden = false;  // an alias that help leaves out
};
struct Group {
  std::string_view name;
  std::string_view summary;
  std::string_view absent = {};  // what docker has in it and we do not; told with an unknown command
};
std::span<const Flag> GlobalFlags();  // before the command
std::span<const Entry> AllCommands();
std::span<const Group> AllGroups();
const Command* FindCommand(std::string_view group, std::string_view name);  // null when there is none
bool IsGroup(std::string_view name);

// Help in the layout of Docker's clients, for a terminal of `width` columns. `path` is "container ls".
std::string CommandHelp(const Command& command, std::string_view path, std::size_t width);
std::string GroupHelp(std::string_view group);
std::string TopHelp(std::size_t width);
// Commands of the group that `name` may have been meant to be, ready to print behind the complaint; "" if
// none.
std::string Suggestions(std::string_view group, std::string_view name);
std::string UsageLine(const Command& command, std::string_view path);

// Standard output and error. A write that fails (a closed pipe) ends the program, as it would end any filter.
void Print(std::string_view text);
// Prints the text, or answers the error.
Status Show(Result<std::string> text);
void PrintLine(std::string_view text);
void PrintError(std::string_view line);
// PrintError of an error's whole text.
void PrintError(const Error& error);

// Calls `action` for each argument, several at a time with a connection each, and prints the arguments that
// went well in their order. Errors are printed and the rest goes on; the exit code is 1 when there was one.
// With `forgive_missing`, a name that is not there is printed and no failure.
int ForEachArg(Api* engine, const Options& options,
               const std::function<Status(Api* engine, const std::string& name)>& action,
               bool forgive_missing = false);

// "Are you sure…? [y/N]" on a terminal or a pipe.
bool Confirm(std::string_view question);

}  // namespace estiba::cli
