#pragma once

namespace estiba::cli {

// The program `estiba`: parses the arguments, runs the command, answers the exit code.
int Main(int argc, char** argv);

}  // namespace estiba::cli
