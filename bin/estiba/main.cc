#include "cli/main.h"

int main(int argc, char** argv) { return estiba::cli::Main(argc, argv); }
