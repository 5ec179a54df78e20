#pragma once
// Whole files in and out, directories, and atomic replacement.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "os/fd.h"

namespace estiba::os {

// Everything from the descriptor's position to its end; kOutOfRange above `limit` bytes.
Result<std::string> ReadAll(int fd, std::size_t limit = 64U << 20);
Result<std::string> ReadFileAt(DirFd dir, const std::string& path, std::size_t limit = 64U << 20);
Result<std::string> ReadFile(const std::string& path, std::size_t limit = 64U << 20);

// readlink(2).
Result<std::string> ReadLink(const std::string& path);
// Where the kernel shows an open file to be, as we see it (/proc/self/fd).
Result<std::string> PathOf(int fd);

// Writes all of `bytes`, resuming short writes and EINTR.
Status WriteAll(int fd, std::string_view bytes);
// One write(2) to an existing file (no O_CREAT, no O_TRUNC): what /proc, /sys and cgroup files want.
Status WriteExisting(DirFd dir, const std::string& path, std::string_view bytes);
// Replaces or makes `path` so that a reader sees the old or the new whole: a temporary name, fsync if `durable`,
// rename.
Status ReplaceFile(DirFd dir, const std::string& path, std::string_view bytes, unsigned mode, bool durable = false);

// mkdir(2) for `path` and its missing parents. Not for untrusted trees.
Status EnsureDirectory(const std::string& path, unsigned mode);
// mkdirat(2) then an O_PATH|O_DIRECTORY|O_NOFOLLOW descriptor; an existing directory is fine.
Result<UniqueFd> EnsureDirectoryAt(DirFd dir, const std::string& name, unsigned mode);
// Names in a directory without "." and "..", unsorted.
Result<std::vector<std::string>> ListDirectory(DirFd dir, const std::string& path);
// Removes `name` in `dir` and everything below it; follows no symlink, crosses no mount. Succeeds if it is gone.
Status DeleteTree(DirFd dir, const std::string& name);
// unlinkat(2); succeeds if it is gone.
Status DeleteFile(DirFd dir, const std::string& name);

// Folder of the running program (/proc/self/exe, resolved): where its sibling programs are sought.
Result<std::string> ProgramDirectory();

}  // namespace estiba::os
