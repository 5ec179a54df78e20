#include "path_names.h"

#include "base/path.h"

namespace estiba::image {

std::string CleanContainerPath(std::string_view path) { return CleanedKeepingEnd("/" + std::string(path)); }

std::string EntryName(const std::string& base, const std::string& relative) {
  return (base == "/" ? "" : base) + "/" + relative;
}

std::optional<std::string> CleanEntryPath(std::string_view path) {
  while (path.starts_with('/')) path.remove_prefix(1);
  std::string clean = CleanedPath(path);
  if (clean == ".") return "";
  if (clean == ".." || clean.starts_with("../")) return std::nullopt;
  return clean;
}

std::string Rebase(const std::string& path, const std::string& base, const std::string& name) {
  if (base == "." || base == "/") {
    const std::optional<std::string> clean = CleanEntryPath(path);
    if (!clean.has_value()) return path;
    return clean->empty() ? name : name + "/" + *clean;
  }
  const std::string_view below = std::string_view(path).substr(path.starts_with("./") ? 2 : 0);
  if (!below.starts_with(base)) return path;
  const std::string_view rest = below.substr(base.size());
  return rest.empty() || rest.starts_with('/') ? name + std::string(rest) : path;
}

}  // namespace estiba::image
