#pragma once
// Paths as the archive calls of docker's API take them, and what entries are called in their archives. Pure.

#include <optional>
#include <string>
#include <string_view>

namespace estiba::image {

// "etc/../var//run/." → "/var/run/.": absolute and clean by its letters, "/" or "/." at the end kept: they ask for a
// directory, what a link there leads to.
std::string CleanContainerPath(std::string_view path);

// What an entry is called below a base: "etc" and "a/b" → "etc/a/b"; "/" and "a" → "/a". Of the base itself ("") a
// directory's name: "etc/", "./", "/".
std::string EntryName(const std::string& base, const std::string& relative);

// An entry's path below the directory that an archive is unpacked in: "./a//b/" → "a/b", "/a" → "a", "a/../b" → "b";
// "" is the directory itself. Nothing for one that leads out of it.
std::optional<std::string> CleanEntryPath(std::string_view path);
// `path` with `name` in the place of `base`, with which an archive's paths start. Of base "." or "/" all paths do.
std::string Rebase(const std::string& path, const std::string& base, const std::string& name);

}  // namespace estiba::image
