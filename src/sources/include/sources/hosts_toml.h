#pragma once
// containerd's hosts.toml: where a registry's images are to be had besides, and how each place is reached.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace estiba::sources {

struct HostEntry {
  std::string url;  // "https://mirror.example.com/base"
  bool pull = true;
  bool resolve = true;  // is asked what a tag means
  bool push = true;
  std::vector<std::string> ca_files;  // absolute
  std::vector<std::pair<std::string, std::string>> clients;  // files of a certificate and its key; one file has both
  bool skip_verify = false;
  std::vector<std::string> headers;  // "Name: value"
  bool override_path = false;
  unsigned dial_seconds = 0;  // 0: the default
};

struct HostsToml {
  HostEntry server;  // its url is empty when the file names none: the registry itself
  std::vector<HostEntry> hosts;  // tried before it, as they stand in the file

  // Errors name `folder`/hosts.toml and the line. Relative paths are of `folder`.
  static Result<HostsToml> Parse(std::string_view text, const std::string& folder);
};

}  // namespace estiba::sources
