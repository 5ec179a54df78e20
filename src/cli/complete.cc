#include "complete.h"

#include <algorithm>
#include <optional>

#include "command.h"
#include "lab/record.h"

namespace estiba::cli {
namespace {

using codec::Json;
using Words = std::span<const std::string_view>;
using Candidates = std::vector<std::string>;

// The words of a command line taken apart as the parser would, without complaining.
struct Place {
  const Command* command = nullptr;
  std::string_view group;
  bool unknown = false;             // a command that there is not: nothing can follow
  std::optional<std::string> host;  // -H
  const Flag* pending = nullptr;    // an option whose value comes next
  std::size_t positionals = 0;
  bool options_over = false;
};

// The option a word names when its value is the next word, or null. Of letters in one word, the first that
// takes a value takes the rest of the word.
const Flag* TakesNext(const Command& command, std::string_view word) {
  const bool name = word.starts_with("--");
  for (std::size_t i = name ? 2 : 1; i < word.size(); ++i) {
    const auto flag = std::ranges::find_if(command.flags, [&](const Flag& one) {
      return name ? one.name == word.substr(2) : one.letter == word[i];
    });
    if (flag == command.flags.end()) return nullptr;
    if (flag->kind != Kind::kBool) return name || i + 1 == word.size() ? &*flag : nullptr;
    if (name) return nullptr;
  }
  return nullptr;
}

// A word before the command: "-H" takes the next one.
void WalkGlobal(std::string_view word, std::string_view next, std::size_t* i, Place* place) {
  if (word == "-H" || word == "--host") {
    place->host = next;
    ++*i;
  } else if (word.starts_with("--host=")) {
    place->host = word.substr(7);
  } else if (word.starts_with("-H")) {
    place->host = word.substr(word.starts_with("-H=") ? 3 : 2);
  }
}

void WalkCommand(std::string_view word, Place* place) {
  if (place->group.empty() && IsGroup(word)) {
    place->group = word;
  } else if (place->group.empty() && word == "help") {
    return;  // a command's name follows
  } else {
    place->command = FindCommand(place->group, word);
    place->unknown = place->command == nullptr;
  }
}

Place Walk(Words words) {
  Place place;
  for (std::size_t i = 0; i < words.size() && !place.unknown; ++i) {
    const std::string_view word = words[i];
    if (place.command == nullptr && word.starts_with('-')) {
      WalkGlobal(word, i + 1 < words.size() ? words[i + 1] : "", &i, &place);
    } else if (place.command == nullptr) {
      WalkCommand(word, &place);
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
  found->emplace_back("help");
}

void AddOptions(const Command& command, Candidates* found) {
  for (const Flag& flag : command.flags)
    if (!flag.help.empty()) found->push_back("--" + std::string(flag.name));
  found->emplace_back("--help");
}

// Names out of a list: member `list` of the answer (or the answer itself), member `name` of each.
void AddNames(const Place& place, std::string_view path, std::string_view list, std::string_view name,
              Candidates* found) {
  auto endpoint = FindEndpoint(Surroundings::OfThisProcess({.host = place.host}));
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

// Labs that are up, or their nodes; LAB/NODE where there are several. Nothing where a file is meant.
void AddLabs(const Place& place, Candidates* found) {
  const std::string_view usage = place.command->usage;
  const auto labs = lab::ListLabs({});
  if (!labs.ok() || (place.positionals > 0 && usage.find("LABFILE...") == std::string_view::npos)) return;
  for (const lab::Record& record : labs.value()) {
    const std::string prefix = labs.value().size() == 1 ? "" : record.lab.name + "/";
    if (usage.find("[LAB|") != std::string_view::npos || usage == "[LAB]") found->push_back(record.lab.name);
    if (usage.find("NODE COMMAND") != std::string_view::npos)
      for (const lab::Node& node : record.lab.nodes) found->push_back(prefix + node.name);
    if (usage.find("NODE:INTERFACE") != std::string_view::npos)
      for (const lab::Link& link : record.lab.links)
        for (const lab::End& end : link.ends)
          found->push_back(prefix + record.lab.NodeOf(end).name + ":" + end.interface);
  }
}

// Places of `net trace`.
void AddPlaces(const Place& place, Candidates* found) {
  if (place.positionals > 1) return;
  found->emplace_back("host");
  if (place.positionals == 0) found->emplace_back("outside:");
  AddNames(place, "/containers/json", "", "Names", found);
}

// The usage line says what a command works on.
void AddArguments(const Place& place, Candidates* found) {
  if (place.group == "lab") return AddLabs(place, found);
  if (place.group == "net") return AddPlaces(place, found);
  const std::string_view usage = place.command->usage;
  const auto takes = [&](std::string_view what) { return usage.find(what) != std::string_view::npos; };
  const bool more = takes("...") || place.positionals == 0;
  if (takes("NETWORK") && (place.positionals == 0 || !takes(" CONTAINER"))) {
    if (more) AddNames(place, "/networks", "", "Name", found);
  } else if (takes("VOLUME")) {
    if (more) AddNames(place, "/volumes", "Volumes", "Name", found);
  } else if (takes("CONTAINER [REPOSITORY")) {
    if (place.positionals == 0) AddNames(place, "/containers/json?all=1", "", "Names", found);
    if (place.positionals == 1) AddNames(place, "/images/json", "", "RepoTags", found);
  } else if (takes("file|URL")) {
    if (place.positionals == 1) AddNames(place, "/images/json", "", "RepoTags", found);
  } else if (takes("IMAGE") || takes("REPOSITORY")) {
    if (!place.options_over && more) AddNames(place, "/images/json", "", "RepoTags", found);
  } else if (takes("CONTAINER") || takes("NAME|ID")) {
    if (!place.options_over) AddNames(place, "/containers/json?all=1", "", "Names", found);
  }
}

// What an option's value can be, where there is a list to choose from.
void AddValues(const Place& place, const Flag& flag, Candidates* found) {
  const std::string_view name = flag.means.empty() ? flag.name : flag.means;
  if (name == "network") AddNames(place, "/networks", "", "Name", found);
  if (name == "volumes-from") AddNames(place, "/containers/json?all=1", "", "Names", found);
  const auto words = [&](std::initializer_list<const char*> values) {
    found->insert(found->end(), values.begin(), values.end());
  };
  if (name == "restart") words({"no", "always", "on-failure", "unless-stopped"});
  if (name == "health-on-failure") words({"none", "kill", "restart", "stop"});
  if (name == "pull") words({"always", "missing", "never"});
  if (name == "change")
    words({"CMD", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "ONBUILD", "STOPSIGNAL", "USER", "VOLUME",
           "WORKDIR"});
  if (name == "type") words({"container", "image", "network", "volume"});
}

// "--network=fr": the value's candidates, with the option before them. False when the word is no such option.
bool AddInlineValues(const Place& place, std::string_view word, Candidates* found) {
  const auto equals = word.find('=');
  if (!word.starts_with("--") || equals == std::string_view::npos) return false;
  const Flag* flag = TakesNext(*place.command, word.substr(0, equals));
  if (flag == nullptr) return true;
  AddValues(place, *flag, found);
  for (std::string& candidate : *found) candidate.insert(0, word.substr(0, equals + 1));
  return true;
}

}  // namespace

std::vector<std::string> Completions(std::span<const std::string_view> words) {
  Candidates found;
  const std::string_view last = words.empty() ? std::string_view() : words.back();
  const Place place = Walk(words.empty() ? words : words.first(words.size() - 1));
  if (place.unknown) return {};
  if (place.command == nullptr) {
    AddCommands(place.group, &found);
  } else if (place.pending != nullptr) {
    AddValues(place, *place.pending, &found);
  } else if (last.starts_with('-') && !place.options_over) {
    if (!AddInlineValues(place, last, &found)) AddOptions(*place.command, &found);
  } else {
    AddArguments(place, &found);
  }
  std::erase_if(found, [&](const std::string& candidate) { return !candidate.starts_with(last); });
  std::ranges::sort(found);
  found.erase(std::ranges::unique(found).begin(), found.end());
  return found;
}

}  // namespace estiba::cli
