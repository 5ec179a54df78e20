#include "router.h"

#include "api/docker/api.h"
#include "base/parse.h"
#include "base/text.h"

namespace estiba::api::docker {
namespace {

std::vector<std::string> Segments(std::string_view path) {
  if (path.starts_with('/')) path.remove_prefix(1);
  if (path.ends_with('/')) path.remove_suffix(1);
  return Split(path, '/');
}

bool IsVariable(const std::string& segment) { return segment.starts_with('{'); }
bool IsGreedy(const std::string& segment) { return segment.ends_with("*}"); }
std::string VariableName(const std::string& segment) {
  return segment.substr(1, segment.size() - (IsGreedy(segment) ? 3 : 2));
}

// A greedy variable takes what the segments after it leave over.
bool Matches(const std::vector<std::string>& pattern, const std::vector<std::string>& path,
             std::map<std::string, std::string>* values) {
  if (path.size() < pattern.size()) return false;
  std::size_t at = 0;
  for (const std::string& segment : pattern) {
    if (!IsVariable(segment)) {
      if (path[at++] != segment) return false;
      continue;
    }
    const std::size_t take = IsGreedy(segment) ? path.size() - pattern.size() + 1 : 1;
    std::string value = path[at];
    for (std::size_t i = 1; i < take; ++i) value += "/" + path[at + i];
    at += take;
    if (value.empty()) return false;
    (*values)[VariableName(segment)] = std::move(value);
  }
  return at == path.size();
}

}  // namespace

void Router::Add(std::string_view method, std::string_view pattern, Route route) {
  entries_.push_back({std::string(method), Segments(pattern), route});
}

std::optional<Router::Match> Router::Find(std::string_view method, std::string_view path) const {
  const std::vector<std::string> segments = Segments(path);
  for (const Entry& entry : entries_) {
    if (entry.method != method) continue;
    Match match{entry.route, {}};
    if (Matches(entry.segments, segments, &match.path)) return match;
  }
  return std::nullopt;
}

std::vector<std::pair<std::string, std::string>> Router::Routes() const {
  std::vector<std::pair<std::string, std::string>> routes;
  for (const Entry& entry : entries_) routes.emplace_back(entry.method, "/" + Join(entry.segments, "/"));
  return routes;
}

Result<VersionedPath> SplitVersion(const std::string& path) {
  if (!path.starts_with("/v") || path.size() < 3 || path[2] < '0' || path[2] > '9')
    return VersionedPath{path, {}};
  const std::size_t end = path.find('/', 1);
  if (end == std::string::npos) return VersionedPath{path, {}};
  const std::string version = path.substr(2, end - 2);
  const std::size_t dot = version.find('.');
  if (dot == std::string::npos) return VersionedPath{path, {}};
  const auto major = ParseUint(version.substr(0, dot), 1000);
  const auto minor = ParseUint(version.substr(dot + 1), 1000);
  if (!major.ok() || !minor.ok()) return VersionedPath{path, {}};
  const auto number = static_cast<int>(*minor);
  if (*major < 1 || (*major == 1 && number < kMinMinor)) {
    return Error(Code::kOutOfRange,
                 "client version " + version + " is too old. Minimum supported API version is 1." +
                     std::to_string(kMinMinor) + ", please upgrade your client to a newer version");
  }
  if (*major > 1 || number > kMaxMinor) {
    return Error(Code::kInvalidArgument, "client version " + version +
                                             " is too new. Maximum supported API version is 1." +
                                             std::to_string(kMaxMinor));
  }
  return VersionedPath{path.substr(end), number};
}

}  // namespace estiba::api::docker
