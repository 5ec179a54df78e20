#pragma once
// One run of a plugin's program, which may do anything: what it prints is bounded, and so is the time it gets.

#include <chrono>
#include <string>
#include <vector>

#include "base/result.h"
#include "cni/result.h"
#include "os/process.h"

namespace estiba::cni {

struct ProgramInput {
  std::string program;             // a path
  std::vector<std::string> env;    // all of it
  std::string text;                // its standard input
  std::chrono::milliseconds timeout{30'000};
  int kept_fd = -1;                // stays open in it and its children, as descriptor 3
};

struct ProgramOutput {
  os::ExitStatus end;
  bool timed_out = false;   // it and its process group were killed
  bool too_long = false;    // it printed more than kMaxOutput, and was killed
  std::string out;
  std::string err;          // the beginning of what it said besides
};

// kNotFound when there is no such program.
Result<ProgramOutput> RunProgram(const ProgramInput& input);

// The program of that name in the first of the folders that has it; kNotFound names the folders.
Result<std::string> FindPlugin(const std::string& type, const std::vector<std::string>& bin_dirs);

}  // namespace estiba::cni
