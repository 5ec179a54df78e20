#pragma once
// X-Docker-Container-Path-Stat: what is at a path of a container, as the archive calls of the API tell it.

#include <cstdint>
#include <string>

#include "codec/json.h"

namespace estiba::apitypes {

// Go's os.FileMode of a st_mode: permissions as they are, kinds and the set-id and sticky bits where Go has them.
std::uint32_t GoFileMode(std::uint32_t mode);

struct PathStat {
  std::string name;
  std::int64_t size = 0;
  std::uint32_t mode = 0;   // Go's os.FileMode
  std::string mtime;        // RFC 3339
  std::string link_target;  // of a symbolic link, what is at its end: absolute in the container

  bool IsDirectory() const;
  bool IsSymlink() const;
  bool IsDevice() const;
  codec::Json ToJson() const;
  static Result<PathStat> FromJson(const codec::Json& json);
};

}  // namespace estiba::apitypes
