#pragma once
// Plugins for tests: shell scripts that note what they were asked, and answer what the test says.

#include <string>

#include <fcntl.h>
#include <sys/stat.h>

#include "cni/config.h"
#include "os/file.h"
#include "tests/support.h"

namespace estiba::cni {

class Plugins : public ::testing::Test {
 protected:
  // `body` runs for every command; $CNI_COMMAND says which, $CONFIG is its standard input.
  void Make(const std::string& type, const std::string& body) {
    const std::string path = dir_ / type.c_str();
    const std::string text = "#!/bin/sh\nCONFIG=$(cat)\nLOG='" + (dir_ / "log") + "'\necho \"" + type +
                             " $CNI_COMMAND ${CNI_NETNS:+netns} $CNI_IFNAME\" >>\"$LOG\"\n" + body + "\n";
    ASSERT_OK(os::ReplaceFile({AT_FDCWD}, path, text, 0755));
  }
  std::string Log() const {
    auto text = os::ReadFile(std::string(dir_.path()) + "/log");
    return text.ok() ? *text : "";
  }
  void ClearLog() { ASSERT_OK(os::DeleteFile({AT_FDCWD}, dir_ / "log")); }
  std::vector<std::string> Dirs() const { return {dir_.path()}; }
  static NetworkList ListOf(const std::string& plugins, const std::string& version = "1.1.0") {
    return ParseConfList(R"({"name": "net", "cniVersion": ")" + version + R"(", "plugins": )" + plugins + "}").value();
  }
  estiba::testing::TempDir dir_;
};

}  // namespace estiba::cni
