#include "sources/alias_file.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>

#include "codec/toml.h"
#include "os/file.h"
#include "sources/short_names.h"

namespace estiba::sources {
namespace {

constexpr std::size_t kMaxFile = 1U << 20;
constexpr unsigned kOwnersAlone = 0600;

Result<ShortNames> Load(const std::string& path) {
  const auto text = os::ReadFile(path, kMaxFile);
  if (!text.ok() && (text.error().errnum() == ENOENT || text.error().errnum() == ENOTDIR)) return ShortNames();
  if (!text.ok()) return text.error().Clone();
  const codec::TomlValue top = TRY_CTX(codec::ParseToml(*text), "read '" + path + "'");
  return ShortNames::Read(top, path);
}

// The lock that podman takes, too: of the whole file beside it, which stays.
Result<os::UniqueFd> Lock(const std::string& path) {
  os::UniqueFd file = TRY(os::OpenAt({AT_FDCWD}, path + ".lock", O_RDWR | O_CREAT, kOwnersAlone));
  struct flock range {};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  while (::fcntl(file.get(), F_OFD_SETLKW, &range) != 0) {
    if (const int err = errno; err != EINTR) return Error::Errno(err, "lock '" + path + ".lock'");
  }
  return file;
}

// Neither names nor values have a letter that TOML would want escaped: CheckAlias has seen to it.
std::string TextOf(const ShortNames& names) {
  std::string out = "[aliases]\n";
  for (const auto& [name, value] : names.aliases) out += "  \"" + name + "\" = \"" + value + "\"\n";
  return out;
}

}  // namespace

std::string AliasFileOf(bool root, const std::function<const char*(const char*)>& variable) {
  constexpr const char* kFile = "/containers/short-name-aliases.conf";
  if (root) return std::string("/var/cache") + kFile;
  const char* cache = variable("XDG_CACHE_HOME");
  if (cache != nullptr && *cache == '/') return std::string(cache) + kFile;
  const char* home = variable("HOME");
  return std::string(home == nullptr ? "" : home) + "/.cache" + kFile;
}

Result<std::optional<std::string>> FindAlias(const std::string& path, std::string_view text) {
  const ShortNames names = TRY(Load(path));
  const auto found = names.aliases.find(AliasedPart(text));
  if (found == names.aliases.end()) return std::optional<std::string>();
  return std::optional(found->second);
}

Status RecordAlias(const std::string& path, std::string_view text, const oci::Reference& chosen) {
  const std::string name(AliasedPart(text));
  TRY(CheckAlias(name, chosen.Name()));
  TRY(os::EnsureDirectory(path.substr(0, path.rfind('/')), 0700));
  const os::UniqueFd lock = TRY(Lock(path));
  ShortNames names = TRY(Load(path));
  names.aliases[name] = chosen.Name();
  struct stat status {};
  const unsigned mode = ::stat(path.c_str(), &status) == 0 ? status.st_mode & 0777U : kOwnersAlone;
  return os::ReplaceFile({AT_FDCWD}, path, TextOf(names), mode);
}

}  // namespace estiba::sources
