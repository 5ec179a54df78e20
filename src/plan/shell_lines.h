#pragma once
// One step each as commands of a POSIX shell.

#include <map>
#include <string>

#include "plan/plan.h"

namespace estiba::plan {

// What earlier lines of the script left in the shell, by slot of the plan: "\"$slot3\"", "\"$root\"'/dev'".
struct ShellState {
  std::map<int, std::string> paths;       // of mounts and sources
  std::map<int, const Step*> sources;     // what opened them
  std::string images;                     // commands that mount what the root is mounted of, in that namespace
  std::string root_mount;                 // the command that mounts the root, in the process's mount namespace
};

// 'text' as one word.
std::string ShellWord(const std::string& text);
// The commands, separated by newlines; empty: a shell has none for it.
std::string HostCommands(const Step& step, ShellState& state);
std::string ChildCommands(const Step& step, ShellState& state);
// Functions that the commands call.
const char* ShellFunctions();

}  // namespace estiba::plan
