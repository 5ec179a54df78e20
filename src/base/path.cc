#include "base/path.h"

#include <vector>

#include "base/text.h"

namespace estiba {

std::string CleanedPath(std::string_view path) {
  const bool absolute = path.starts_with('/');
  std::vector<std::string> kept;
  for (std::string& part : Split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      kept.push_back(std::move(part));
    } else if (!kept.empty() && kept.back() != "..") {
      kept.pop_back();
    } else if (!absolute) {
      kept.push_back(std::move(part));
    }
  }
  std::string clean = (absolute ? "/" : "") + Join(kept, "/");
  return clean.empty() ? "." : clean;
}

std::string CleanedKeepingEnd(std::string_view path) {
  std::string clean = CleanedPath(path);
  if (LastName(path) == "." && LastName(clean) != ".") clean += clean.ends_with('/') ? "." : "/.";
  if (path.ends_with('/') && !clean.ends_with('/')) clean += '/';
  return clean;
}

std::string LastName(std::string_view path) {
  if (path.empty()) return ".";
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  if (path == "/") return "/";
  return std::string(path.substr(path.rfind('/') + 1));
}

}  // namespace estiba
