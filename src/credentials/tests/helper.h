#pragma once
// A docker-credential-fake in a folder at the front of $PATH. It keeps what it is given in files beside it.

#include <cstdlib>
#include <fstream>
#include <string>

#include <sys/stat.h>

#include "tests/support.h"

namespace estiba::credentials {

class FakeHelper {
 public:
  explicit FakeHelper(const std::string& script) {
    const char* path = std::getenv("PATH");
    before_ = path == nullptr ? "" : path;
    ::setenv("PATH", (std::string(dir_.path()) + ":/usr/bin:/bin").c_str(), 1);
    const std::string program = dir_ / "docker-credential-fake";
    std::ofstream(program) << "#!/bin/sh\ncd " << dir_.path() << "\n" << script;
    ::chmod(program.c_str(), 0755);
  }
  ~FakeHelper() { ::setenv("PATH", before_.c_str(), 1); }

  std::string operator/(const char* name) const { return dir_ / name; }

 private:
  testing::TempDir dir_;
  std::string before_;
};

}  // namespace estiba::credentials
