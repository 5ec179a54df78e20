#pragma once
// A path of a container, found in its root whatever links are on the way.

#include <string>

#include <sys/stat.h>

#include "base/result.h"
#include "image/transfer.h"
#include "os/fd.h"

namespace estiba::image {

struct FoundPath {
  os::UniqueFd file;  // O_PATH: of a link at the end the link itself
  std::string path;   // as CleanContainerPath() has it
  struct stat info {};
};

// kNotFound in docker's words when there is nothing; so it is below a file system of the kernel's.
Result<FoundPath> FindPath(const PathJob& job, int root);
// The directory that a path leads to, links at its end followed. kInvalidArgument in docker's words when it is none.
Result<FoundPath> FindDirectory(const PathJob& job, int root);

// Where the links of a path lead in the end, as far as there is anything: absolute in the container.
std::string FollowLinks(int root, const std::string& path);

// Of procfs, sysfs, control groups and their like: what is in there is no file of anybody's.
bool IsKernels(int fd);

}  // namespace estiba::image
