#include "scopes.h"

namespace estiba::sources {

std::vector<std::string> ScopesOf(const oci::Reference& reference) {
  const std::string name = reference.Name();
  std::vector<std::string> scopes;
  scopes.push_back(reference.digest.empty() ? name + ":" + reference.tag : name + "@" + reference.digest);
  for (std::size_t end = name.size(); end != std::string::npos && end > 0; end = name.rfind('/', end - 1))
    scopes.push_back(name.substr(0, end));
  const std::string& host = reference.domain;
  for (std::size_t dot = host.find('.'); dot != std::string::npos; dot = host.find('.', dot + 1))
    scopes.push_back("*" + host.substr(dot));
  return scopes;
}

}  // namespace estiba::sources
