#include "complete.h"

#include <algorithm>

#include "command.h"

namespace estiba::cli {
namespace {

using codec::Json;
using Words = std::span<const std::string_view>;
using Candidates = std::vector<std::string>;

// The words of a command line taken apart as the parser would, without complaining.
struct Place {
  const Command* command = nullptr;
  std::string_view group;
  const Flag* pending = nullptr;  // an option whose value comes next
  std::size_t positionals = 0;
  bool options_over = false;
};

bool IsGroup(std::string_view name) {
  return std::ranges::any_of(AllGroups(), [&](const Group& group) { return group.name == name; });
}

const Command* FindCommand(std::string_view group, std::string_view name) {
  for (const Entry& entry : AllCommands())
    if (entry.group == group && entry.name == name) return entry.command;
  return nullptr;
}

// The option a word names when its value is the next word, or null.
const Flag* TakesNext(const Command& command, std::string_view word) {
  if (word.find('=') != std::string_view::npos) return nullptr;
  for (const Flag& flag : command.flags) {
    if (flag.kind == Kind::kBool) continue;
    if (word.starts_with("--") && word.substr(2) == flag.name) return &flag;
    if (!word.starts_with("--") && flag.letter != '\0' && word.back() == flag.letter) return &flag;
  }
  return nullptr;
}

Place Walk(Words words) {
  Place place;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (place.command == nullptr) {
      if (word == "-H" || word == "--host") {
        ++i;
      } else if (word.starts_with('-')) {
        continue;
      } else if (place.group.empty() && IsGroup(word)) {
        place.group = word;
      } else if ((place.command = FindCommand(place.group, word)) == nullptr) {
        return place;
      }
    } else if (place.pending != nullptr) {
      place.pending = nullptr;
    } else if (!place.options_over && word.size() > 1 && word[0] == '-') {
      place.options_over = word == "--";
      place.pending = TakesNext(*place.command, word);
    } else {
      ++place.positionals;
      place.options_over = place.options_over || place.command->stop_at_positional;
    }
  }
  return place;
}

void AddCommands(std::string_view group, Candidates* found) {
  for (const Entry& entry : AllCommands())
    if (entry.group == group && !entry.hidden) found->emplace_back(entry.name);
  if (!group.empty()) return;
  for (const Group& one : AllGroups()) found->emplace_back(one.name);
}

void AddOptions(const Command& command, Candidates* found) {
  for (const Flag& flag : command.flags)
    if (!flag.help.empty()) found->push_back("--" + std::string(flag.name));
  found->emplace_back("--help");
}

// Names out of a list: member `list` of the answer (or the answer itself), member `name` of each.
void AddNames(std::string_view path, std::string_view list, std::string_view name, Candidates* found) {
  auto endpoint = FindEndpoint(Surroundings::OfThisProcess(std::nullopt));
  if (!endpoint.ok()) return;
  endpoint->ours = false;  // pressing a key starts nothing
  Api api(std::move(*endpoint));
  const auto answer = api.Get(std::string(path));
  if (!answer.ok()) return;
  const Json* items = list.empty() ? &*answer : answer->Find(list);
  for (std::size_t i = 0; items != nullptr && items->IsArray() && i < items->size(); ++i) {
    const Json* value = (*items->IfArray())[i].Find(name);
    if (value == nullptr) continue;
    if (const auto* text = value->IfString()) found->push_back(*text);
    for (std::size_t j = 0; value->IsArray() && j < value->size(); ++j)
      if (const auto* text = (*value->IfArray())[j].IfString())
        found->push_back(text->starts_with('/') ? text->substr(1) : *text);
  }
}

// The usage line says what a command works on.
void AddArguments(const Place& place, Candidates* found) {
  const std::string_view usage = place.command->usage;
  const auto takes = [&](std::string_view what) { return usage.find(what) != std::string_view::npos; };
  const bool more = takes("...") || place.positionals == 0;
  if (takes("NETWORK") && (place.positionals == 0 || !takes(" CONTAINER"))) {
    if (more) AddNames("/networks", "", "Name", found);
  } else if (takes("VOLUME")) {
    if (more) AddNames("/volumes", "Volumes", "Name", found);
  } else if (takes("IMAGE") || takes("REPOSITORY")) {
    if (!place.options_over && more) AddNames("/images/json", "", "RepoTags", found);
  } else if (takes("CONTAINER") || takes("NAME|ID")) {
    if (!place.options_over) AddNames("/containers/json?all=1", "", "Names", found);
  }
}

}  // namespace

std::vector<std::string> Completions(std::span<const std::string_view> words) {
  Candidates found;
  const std::string_view last = words.empty() ? std::string_view() : words.back();
  const Place place = Walk(words.empty() ? words : words.first(words.size() - 1));
  if (place.command == nullptr) {
    AddCommands(place.group, &found);
  } else if (place.pending != nullptr) {
    if (place.pending->name == "network") AddNames("/networks", "", "Name", &found);
  } else if (last.starts_with('-') && !place.options_over) {
    AddOptions(*place.command, &found);
  } else {
    AddArguments(place, &found);
  }
  std::erase_if(found, [&](const std::string& candidate) { return !candidate.starts_with(last); });
  std::ranges::sort(found);
  found.erase(std::ranges::unique(found).begin(), found.end());
  return found;
}

}  // namespace estiba::cli
