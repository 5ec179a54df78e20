#include "sources/folders.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>

#include "os/file.h"

namespace estiba::sources {
namespace {

constexpr std::size_t kMaxFile = 1U << 20;
constexpr std::size_t kMaxFiles = 1000;

bool IsMissing(const Error& error) { return error.errnum() == ENOENT || error.errnum() == ENOTDIR; }

Result<RegistriesConf> Load(const std::string& path) {
  const std::string text = TRY(os::ReadFile(path, kMaxFile));
  return RegistriesConf::Parse(text, path);
}

Result<std::vector<std::string>> ConfFiles(const std::string& folder) {
  auto names = os::ListDirectory({AT_FDCWD}, folder);
  if (!names.ok() && IsMissing(names.error())) return std::vector<std::string>{};
  if (!names.ok()) return std::move(names).error();
  std::erase_if(*names, [](const std::string& name) { return !name.ends_with(".conf"); });
  if (names->size() > kMaxFiles)
    return Error(Code::kResourceExhausted, "'" + folder + "' has more than " + std::to_string(kMaxFiles) + " files");
  std::ranges::sort(*names);
  return std::move(*names);
}

// The main file: a later folder's takes the place of an earlier one's.
Result<RegistriesConf> LoadMain(const std::vector<std::string>& folders) {
  RegistriesConf out;
  for (const std::string& folder : folders) {
    auto conf = Load(folder + "/registries.conf");
    if (conf.ok()) {
      out = std::move(*conf);
    } else if (!IsMissing(conf.error())) {
      return std::move(conf).error();
    }
  }
  return out;
}

}  // namespace

Result<RegistriesConf> LoadRegistriesConf(const std::vector<std::string>& folders, const std::string& main) {
  RegistriesConf out = TRY(main.empty() ? LoadMain(folders) : Load(main));
  for (const std::string& folder : folders) {
    const std::string below = folder + "/registries.conf.d";
    const std::vector<std::string> names = TRY(ConfFiles(below));
    for (const std::string& name : names) {
      RegistriesConf more = TRY(Load(below + "/" + name));
      out.Merge(std::move(more));
    }
  }
  return out;
}

}  // namespace estiba::sources
