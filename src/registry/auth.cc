#include "registry/auth.h"

#include "base/text.h"

namespace estiba::registry {
namespace {

// The next key="value" or key=value of a challenge; false at the end or when it makes no sense.
bool NextParameter(std::string_view& rest, std::string* key, std::string* value) {
  while (!rest.empty() && (rest.front() == ' ' || rest.front() == ',')) rest.remove_prefix(1);
  const std::size_t equals = rest.find('=');
  if (equals == std::string_view::npos) return false;
  *key = ToLower(Trim(rest.substr(0, equals)));
  rest.remove_prefix(equals + 1);
  value->clear();
  if (!rest.starts_with('"')) {
    const std::size_t end = rest.find_first_of(", ");
    *value = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end);
    return true;
  }
  std::size_t i = 1;
  for (; i < rest.size() && rest[i] != '"'; ++i) {
    if (rest[i] == '\\' && i + 1 < rest.size()) ++i;
    *value += rest[i];
  }
  rest.remove_prefix(std::min(rest.size(), i + 1));
  return true;
}

}  // namespace

std::optional<Challenge> ParseChallenge(std::string_view header) {
  header = Trim(header);
  const std::size_t blank = header.find(' ');
  const std::string scheme = ToLower(header.substr(0, blank));
  Challenge out;
  if (scheme == "bearer") {
    out.scheme = Challenge::Scheme::kBearer;
  } else if (scheme != "basic") {
    return std::nullopt;
  }
  std::string_view rest = blank == std::string_view::npos ? std::string_view() : header.substr(blank);
  std::string key;
  std::string value;
  while (NextParameter(rest, &key, &value)) {
    if (key == "realm") out.realm = value;
    if (key == "service") out.service = value;
    if (key == "scope") out.scope = value;
  }
  return out;
}

}  // namespace estiba::registry
