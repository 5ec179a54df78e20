#pragma once
// The proxies that docker's config.json has for containers.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace estiba::cli {

// Adds HTTP_PROXY, http_proxy and so on for the engine at `host` ("unix:///run/estiba.sock"), else those of "default";
// a variable that `env` has already stays as it is. `config` is the text of config.json.
Status AddProxies(std::string_view config, const std::string& host, std::vector<std::string>* env);

// The same with the user's own file, which need not be there: one that cannot be read is warned of and left away, as
// docker does.
void AddOwnProxies(const std::string& host, std::vector<std::string>* env);

}  // namespace estiba::cli
