#include "options/proxies.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "base/text.h"
#include "codec/json.h"
#include "command.h"
#include "os/file.h"

namespace estiba::cli {
namespace {

constexpr std::size_t kMaxConfig = 1U << 20;

bool Has(const std::vector<std::string>& env, const std::string& name) {
  return std::any_of(env.begin(), env.end(),
                     [&](const std::string& one) { return one.substr(0, one.find('=')) == name; });
}

std::string OwnConfig() {
  const char* folder = std::getenv("DOCKER_CONFIG");
  if (folder != nullptr && *folder != '\0') return std::string(folder) + "/config.json";
  const char* home = std::getenv("HOME");
  return std::string(home != nullptr ? home : "/") + "/.docker/config.json";
}

}  // namespace

Status AddProxies(std::string_view config, const std::string& host, std::vector<std::string>* env) {
  const codec::Json json = TRY(codec::ParseJson(config));
  const codec::Json* all = json.Find("proxies");
  if (all == nullptr) return Ok();
  const codec::Json* proxies = all->Find(host);
  if (proxies == nullptr) proxies = all->Find("default");
  if (proxies == nullptr) return Ok();
  constexpr std::pair<const char*, const char*> kVariables[] = {{"httpProxy", "HTTP_PROXY"},
                                                                {"httpsProxy", "HTTPS_PROXY"},
                                                                {"noProxy", "NO_PROXY"},
                                                                {"ftpProxy", "FTP_PROXY"},
                                                                {"allProxy", "ALL_PROXY"}};
  for (const auto& [key, variable] : kVariables) {
    const std::string value = proxies->GetString(key);
    if (value.empty()) continue;
    for (const std::string& name : {std::string(variable), ToLower(variable)}) {
      if (!Has(*env, name)) env->push_back(name + "=" + value);
    }
  }
  return Ok();
}

void AddOwnProxies(const std::string& host, std::vector<std::string>* env) {
  const std::string file = OwnConfig();
  const auto text = os::ReadFile(file, kMaxConfig);
  if (!text.ok() && (text.error().errnum() == ENOENT || text.error().errnum() == ENOTDIR)) return;
  const Status added = text.ok() ? AddProxies(*text, host, env) : Status(text.error().Clone());
  if (!added.ok()) PrintError("WARNING: Error loading config file: " + file + ": " + added.error().Message());
}

}  // namespace estiba::cli
