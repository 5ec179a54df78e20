#include "client/meanings.h"

#include <cstdlib>

#include <unistd.h>

#include "base/parse.h"
#include "base/text.h"
#include "command.h"
#include "commands/list.h"
#include "oci/reference.h"
#include "sources/alias_file.h"
#include "sources/short_names.h"
#include "term/prompt.h"
#include "term/terminal.h"

namespace estiba::cli {
namespace {

constexpr unsigned kTries = 3;

std::string OwnAliases() {
  return sources::AliasFileOf(::geteuid() == 0, [](const char* name) -> const char* { return std::getenv(name); });
}

// Docker's own meaning stays written as it was.
std::string AsGiven(const std::string& name, const std::string& reference) {
  const auto own = oci::ParseReferenceOrLatest(reference);
  return own.ok() && own->ToString() == name ? reference : name;
}

}  // namespace

Result<Meaning> MeaningOf(Api* api, const std::string& reference) {
  Meaning out;
  out.names = {reference};
  out.here = reference;
  if (!sources::IsShortName(reference)) return out;
  http::Query query;
  query.Add("name", reference);
  const auto alias = TRY(sources::FindAlias(OwnAliases(), reference));
  if (alias) query.Add("alias", *alias);
  const auto answer = api->Get("/estiba/v1/images/meanings", query);
  if (!answer.ok() && answer.error().code() == Code::kNotFound) return out;
  if (!answer.ok()) return answer.error().Clone();
  const std::vector<std::string> names = Strings(answer->Find("Names"));
  if (!names.empty()) out.names.clear();
  for (const std::string& name : names) out.names.push_back(AsGiven(name, reference));
  if (const std::string here = answer->GetString("Here"); !here.empty()) out.here = AsGiven(here, reference);
  const std::string choice = answer->GetString("Choice");
  out.required = choice == "required";
  out.offered = out.required || choice == "offered";
  return out;
}

std::string NameOfHere(Api* api, const std::string& reference) {
  const auto meaning = MeaningOf(api, reference);
  return meaning.ok() ? meaning->here : reference;
}

Result<bool> Choose(const std::string& reference, Meaning* meaning) {
  if (!meaning->offered || meaning->names.size() < 2) return false;
  if (!IsTerminal(STDIN_FILENO) || !IsTerminal(STDOUT_FILENO)) {
    if (!meaning->required) return false;
    return Error(Code::kFailedPrecondition, "short-name resolution enforced but cannot prompt without a TTY")
        .Hint("'" + reference + "' may be any of " + Join(meaning->names, ", ") +
              ": name one of them, or give it an alias in registries.conf");
  }
  PrintLine("'" + reference + "' is short for any of these:");
  for (std::size_t i = 0; i < meaning->names.size(); ++i)
    PrintLine("  " + std::to_string(i + 1) + ") " + meaning->names[i]);
  for (unsigned left = kTries; left > 0; --left) {
    Print("Please select an image (1 to " + std::to_string(meaning->names.size()) + "): ");
    const std::string answer = TRY(ReadAnswer(STDIN_FILENO));
    if (Trim(answer).empty()) break;  // or the end of what is typed
    const auto number = ParseUint(Trim(answer), meaning->names.size());
    if (!number.ok() || *number == 0) continue;
    meaning->names = {meaning->names[*number - 1]};
    return true;
  }
  return Error(Code::kCancelled, "no image was selected for '" + reference + "'");
}

void Remember(const std::string& reference, const std::string& chosen) {
  const auto name = oci::ParseReference(chosen);
  if (!name.ok()) return;  // it was pulled, so it is one
  const std::string file = OwnAliases();
  if (const Status kept = sources::RecordAlias(file, reference, *name); !kept.ok())
    PrintError("WARNING: the choice is not kept in '" + file + "': " + kept.error().ToString());
}

}  // namespace estiba::cli
