#include <algorithm>

#include "base/text.h"
#include "command.h"

namespace estiba::cli {
namespace {

// Words of `text` in lines of at most `width` columns.
std::vector<std::string> Wrap(std::string_view text, std::size_t width) {
  std::vector<std::string> lines(1);
  for (const std::string& word : Split(text, ' ')) {
    std::string& line = lines.back();
    if (!line.empty() && line.size() + 1 + word.size() > width) {
      lines.push_back(word);
    } else {
      line += (line.empty() ? "" : " ") + word;
    }
  }
  return lines;
}

std::string FlagHead(const Flag& flag) {
  std::string head = flag.letter == '\0' ? "      " : std::string("  -") + flag.letter + ", ";
  head += "--" + std::string(flag.name);
  if (!flag.operand.empty()) head += " " + std::string(flag.operand);
  return head;
}

std::string FlagsHelp(std::span<const Flag> flags, std::size_t width) {
  std::size_t head_width = 0;
  for (const Flag& flag : flags)
    if (!flag.help.empty()) head_width = std::max(head_width, FlagHead(flag).size());
  std::string text;
  for (const Flag& flag : flags) {
    if (flag.help.empty()) continue;
    std::string line = FlagHead(flag);
    line.append(head_width + 3 - line.size(), ' ');
    const std::size_t room = width > head_width + 23 ? width - head_width - 3 : 20;
    bool first = true;
    for (const std::string& piece : Wrap(flag.help, room)) {
      text += (first ? line : std::string(head_width + 3, ' ')) + piece + "\n";
      first = false;
    }
  }
  return text;
}

// How many letters must be put in, taken out or changed to make one word of the other; two neighbours that
// are swapped count as one.
std::size_t Distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, changed});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[a.size()][b.size()];
}

// All the names a command goes by, when there are several.
std::string Aliases(const Command& command) {
  std::string names;
  int count = 0;
  for (const Entry& entry : AllCommands()) {
    if (entry.command != &command) continue;
    names += (count++ == 0 ? "  " : ", ") + std::string("estiba ");
    if (!entry.group.empty()) names += std::string(entry.group) + " ";
    names += entry.name;
  }
  return count > 1 ? "\nAliases:\n" + names + "\n" : "";
}

std::string CommandList(std::string_view group) {
  std::vector<const Entry*> entries;
  for (const Entry& entry : AllCommands())
    if (entry.group == group && !entry.hidden) entries.push_back(&entry);
  std::sort(entries.begin(), entries.end(), [](const Entry* a, const Entry* b) { return a->name < b->name; });
  std::string text;
  for (const Entry* entry : entries) {
    std::string line = "  " + std::string(entry->name);
    line.append(line.size() < 14 ? 14 - line.size() : 1, ' ');
    text += line + std::string(entry->command->summary) + "\n";
  }
  return text;
}

}  // namespace

std::string Suggestions(std::string_view group, std::string_view name) {
  constexpr std::size_t kNear = 2;
  constexpr std::size_t kLongestName = 32;
  std::vector<std::string> near;
  const auto consider = [&](std::string_view candidate) {
    // With every second letter changed it is another word.
    if (candidate.starts_with(name) || Distance(candidate, name) <= std::min(kNear, name.size() / 3))
      near.emplace_back(candidate);
  };
  if (name.empty() || name.size() > kLongestName) return "";
  for (const Entry& entry : AllCommands())
    if (entry.group == group && !entry.hidden) consider(entry.name);
  for (const Group& one : AllGroups())
    if (group.empty()) consider(one.name);
  std::string text = near.empty() ? "" : "\n\nDid you mean this?\n  " + Join(near, "\n  ");
  for (const Group& one : AllGroups())
    if (one.name == group && !one.absent.empty()) text += "\n\n" + std::string(one.absent);
  return text;
}

std::string UsageLine(const Command& command, std::string_view path) {
  std::string line = "Usage:  estiba " + std::string(path);
  if (!command.usage.empty()) line += " " + std::string(command.usage);
  return line;
}

std::string CommandHelp(const Command& command, std::string_view path, std::size_t width) {
  std::string text = UsageLine(command, path) + "\n\n" + std::string(command.summary) + "\n";
  if (!command.details.empty()) text += "\n" + std::string(command.details) + "\n";
  text += Aliases(command);
  if (!command.flags.empty()) text += "\nOptions:\n" + FlagsHelp(command.flags, width);
  return text;
}

std::string GroupHelp(std::string_view group) {
  std::string summary;
  for (const Group& one : AllGroups())
    if (one.name == group) summary = one.summary;
  const std::string name(group);
  return "Usage:  estiba " + name + " COMMAND\n\n" + summary + "\n\nCommands:\n" + CommandList(group) +
         "\nRun 'estiba " + name + " COMMAND --help' for more information on a command.\n";
}

std::string TopHelp(std::size_t width) {
  std::string text =
      "Usage:  estiba [OPTIONS] COMMAND\n\nRun containers: the whole Linux container stack in one place\n\n"
      "Management Commands:\n";
  for (const Group& group : AllGroups()) {
    std::string line = "  " + std::string(group.name);
    line.append(14 - line.size(), ' ');
    text += line + std::string(group.summary) + "\n";
  }
  text += "\nCommands:\n" + CommandList("");
  text += "\nGlobal Options:\n" + FlagsHelp(GlobalFlags(), width);
  return text + "\nRun 'estiba COMMAND --help' for more information on a command.\n";
}

}  // namespace estiba::cli
