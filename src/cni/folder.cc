#include <algorithm>

#include <fcntl.h>

#include "cni/config.h"
#include "os/file.h"

namespace estiba::cni {
namespace {

constexpr std::size_t kMaxFiles = 1024;  // of a folder: more are not looked at

// In the order of their names, which is how administrators rank them: "10-a.conflist" before "20-b.conf".
std::vector<std::string> FilesOf(const std::string& folder, std::initializer_list<std::string_view> ends) {
  auto names = os::ListDirectory({AT_FDCWD}, folder);
  if (!names.ok()) return {};
  std::vector<std::string> found;
  for (std::string& name : *names) {
    const auto fits = [&](std::string_view end) { return name.ends_with(end); };
    if (std::ranges::any_of(ends, fits) && !name.starts_with('.')) found.push_back(folder + "/" + name);
  }
  std::ranges::sort(found);
  if (found.size() > kMaxFiles) found.resize(kMaxFiles);
  return found;
}

Status AddOwnPlugins(const std::string& folder, NetworkList& list) {
  for (const std::string& file : FilesOf(folder + "/" + list.name, {".conf"})) {
    const std::string text = TRY(os::ReadFile(file, kMaxConfig));
    list.plugins.push_back(TRY_CTX(ParsePlugin(text), "'" + file + "'"));
    if (list.plugins.size() > kMaxPlugins)
      return Error(Code::kInvalidArgument, "plugins: more than " + std::to_string(kMaxPlugins));
  }
  return Ok();
}

Result<NetworkList> LoadFile(const std::string& folder, const std::string& file) {
  const std::string text = TRY(os::ReadFile(file, kMaxConfig));
  const bool one = !file.ends_with(".conflist");
  NetworkList list = TRY(one ? ParseConf(text) : ParseConfList(text));
  if (!list.only_inlined) TRY(AddOwnPlugins(folder, list));
  if (list.plugins.empty()) return Error(Code::kInvalidArgument, "plugins: the network has none");
  return list;
}

}  // namespace

Folder LoadFolder(const std::string& folder) {
  Folder found;
  for (const std::string& file : FilesOf(folder, {".conf", ".conflist", ".json"})) {
    auto list = LoadFile(folder, file);
    if (!list.ok()) {
      found.broken.emplace_back(file, std::move(list).error());
      continue;
    }
    const auto same = [&](const NetworkFile& other) { return other.list.name == list->name; };
    const auto first = std::ranges::find_if(found.networks, same);
    if (first == found.networks.end()) {
      found.networks.push_back({file, std::move(list).value()});
    } else {
      found.broken.emplace_back(
          file, Error(Code::kAlreadyExists, "network '" + list->name + "' is in '" + first->file + "' already"));
    }
  }
  return found;
}

}  // namespace estiba::cni
