#include "credentials/places.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "credentials/helper.h"
#include "os/file.h"

namespace estiba::credentials {
namespace {

constexpr std::size_t kMaxFile = 1U << 20;
constexpr unsigned kOwnersAlone = 0600;

bool IsMissing(const Error& error) { return error.errnum() == ENOENT || error.errnum() == ENOTDIR; }

Result<AuthFile> Load(const std::string& path) {
  const auto text = os::ReadFile(path, kMaxFile);
  if (!text.ok() && IsMissing(text.error())) return AuthFile();
  if (!text.ok()) return text.error().Clone();
  return TRY_CTX(AuthFile::Parse(*text), "read '" + path + "'");
}

// A link (to a file in a versioned folder, say) stays one; a file that was there keeps its mode.
Status Store(const std::string& path, const AuthFile& file) {
  std::array<char, PATH_MAX> real{};
  const bool exists = ::realpath(path.c_str(), real.data()) != nullptr;
  const std::string target = exists ? real.data() : path;
  unsigned mode = kOwnersAlone;
  struct stat status{};
  if (exists && ::stat(target.c_str(), &status) == 0) mode = status.st_mode & 0777U;
  const std::size_t slash = target.rfind('/');
  if (!exists && slash != std::string::npos && slash > 0) TRY(os::EnsureDirectory(target.substr(0, slash), 0700));
  return os::ReplaceFile({AT_FDCWD}, target, file.Text(), mode);
}

}  // namespace

Places Places::Of(const std::function<const char*(const char*)>& variable) {
  const auto value = [&](const char* name) -> std::string {
    const char* text = variable(name);
    return text == nullptr ? "" : text;
  };
  const auto folder = [&](const char* name, const std::string& otherwise) {
    const std::string text = value(name);
    return text.starts_with('/') ? text : otherwise;
  };
  const std::string home = folder("HOME", "");
  const std::string docker = value("DOCKER_CONFIG").empty() ? home + "/.docker" : value("DOCKER_CONFIG");
  Places places;
  if (const std::string named = value("REGISTRY_AUTH_FILE"); !named.empty()) {
    places.files.push_back(named);
    places.written = 2;
  }
  places.files.push_back(docker + "/config.json");
  if (const std::string run = folder("XDG_RUNTIME_DIR", ""); !run.empty())
    places.files.push_back(run + "/containers/auth.json");
  places.files.push_back(folder("XDG_CONFIG_HOME", home + "/.config") + "/containers/auth.json");
  return places;
}

namespace {

std::string HostOf(const std::string& repository) { return repository.substr(0, repository.find('/')); }

std::vector<std::string> HelpersOf(const Places& places) {
  return places.helpers.empty() ? std::vector<std::string>{std::string(kAuthFiles)} : places.helpers;
}

// Calls `action` for each helper until one answers something. What failed is the answer when none does.
template <typename T, typename Action>
Result<std::optional<T>> FirstOf(const Places& places, Action action) {
  std::optional<Error> failed;
  for (const std::string& helper : HelpersOf(places)) {
    Result<std::optional<T>> answer = action(helper);
    if (!answer.ok() && !failed) failed = std::move(answer).error();
    if (answer.ok() && *answer) return answer;
  }
  if (failed) return std::move(*failed);
  return std::optional<T>();
}

Result<std::optional<oci::RegistryAuth>> FindInFiles(const Places& places, const std::string& repository) {
  const std::string host = HostOf(repository);
  for (const std::string& path : places.files) {
    const AuthFile file = TRY(Load(path));
    if (const std::string helper = file.HelperOf(host); !helper.empty()) {
      auto kept = TRY_CTX(GetFromHelper(helper, ServerOf(host)), "'" + path + "'");
      if (kept) return kept;
    }
    auto entry = TRY_CTX(file.Find(repository), "'" + path + "'");
    if (entry) return entry;
  }
  return std::optional<oci::RegistryAuth>();
}

Result<std::string> SaveInFile(const Places& places, const std::string& host, const oci::RegistryAuth& login) {
  AuthFile file = TRY(Load(places.own()));
  const std::string helper = file.HelperOf(host);
  if (helper.empty()) {
    file.Set(host, login);
    TRY(Store(places.own(), file));
    return login.password.empty() ? std::string() : places.own();
  }
  TRY(StoreInHelper(helper, ServerOf(host), login));
  file.Set(host, {});
  TRY(Store(places.own(), file));
  return std::string();
}

Status EraseFromFiles(const Places& places, const std::string& host) {
  for (std::size_t i = 0; i < places.written; ++i) {
    const std::string& path = places.files[i];
    AuthFile file = TRY(Load(path));
    const std::string helper = file.HelperOf(host);
    if (file.Remove(host)) TRY(Store(path, file));
    if (!helper.empty()) TRY(EraseFromHelper(helper, ServerOf(host)));
  }
  return Ok();
}

}  // namespace

// Helpers that registries.conf names know a registry by its host, Docker Hub as docker.io: podman calls it so.
Result<oci::RegistryAuth> Find(const Places& places, const std::string& repository) {
  const auto ask = [&](const std::string& helper) {
    return helper == kAuthFiles ? FindInFiles(places, repository) : GetFromHelper(helper, HostOf(repository));
  };
  auto found = TRY(FirstOf<oci::RegistryAuth>(places, ask));
  return found ? std::move(*found) : oci::RegistryAuth{};
}

Result<std::string> Save(const Places& places, const std::string& host, const oci::RegistryAuth& login) {
  const auto save = [&](const std::string& helper) -> Result<std::optional<std::string>> {
    if (helper != kAuthFiles) {
      TRY(StoreInHelper(helper, host, login));
      return std::optional(std::string());
    }
    std::string file = TRY(SaveInFile(places, host, login));
    return std::optional(std::move(file));
  };
  auto saved = TRY(FirstOf<std::string>(places, save));
  return std::move(*saved);  // each helper answers or fails
}

Status Erase(const Places& places, const std::string& host) {
  std::optional<Error> failed;
  for (const std::string& helper : HelpersOf(places)) {
    Status erased = helper == kAuthFiles ? EraseFromFiles(places, host) : EraseFromHelper(helper, host);
    if (!erased.ok() && !failed) failed = std::move(erased).error();
  }
  if (failed) return std::move(*failed);
  return Ok();
}

}  // namespace estiba::credentials
