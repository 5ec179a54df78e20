#include "container_user.h"

#include <optional>

#include <fcntl.h>
#include <sys/stat.h>

#include "base/parse.h"
#include "base/text.h"
#include "os/file.h"

namespace estiba::image {
namespace {

constexpr std::size_t kLargestFile = 8U << 20;

// What is no regular file is as good as none: a FIFO would block, a device might not end.
std::string ReadInRoot(int root, const char* path) {
  const auto file = os::OpenInRoot({root}, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  struct stat info {};
  if (!file.ok() || ::fstat(file->get(), &info) < 0 || !S_ISREG(info.st_mode)) return {};
  auto text = os::ReadAll(file->get(), kLargestFile);
  return text.ok() ? std::move(*text) : std::string();
}

// The fields of the first line whose `field` is `value`.
std::optional<std::vector<std::string>> FindLine(const std::string& text, std::size_t field, const std::string& value) {
  for (const std::string& line : Split(text, '\n')) {
    std::vector<std::string> fields = Split(line, ':');
    if (fields.size() > field && fields[field] == value) return fields;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> IdAt(const std::optional<std::vector<std::string>>& fields, std::size_t at) {
  if (!fields.has_value() || fields->size() <= at) return std::nullopt;
  const auto id = ParseUint((*fields)[at], INT32_MAX);
  return id.ok() ? std::optional(static_cast<std::uint32_t>(*id)) : std::nullopt;
}

std::optional<std::uint32_t> AsNumber(const std::string& text) {
  return IdAt(std::vector<std::string>{text}, 0);
}

Error Unknown(const char* what, const std::string& name) {
  return Error(Code::kNotFound, std::string("unable to find ") + what + " " + name + ": no matching entries in " +
                                    (std::string_view(what) == "user" ? "passwd" : "group") + " file");
}

}  // namespace

Result<ContainerUser> FindContainerUser(int root, const std::string& text) {
  const std::size_t colon = text.find(':');
  const std::string user = text.substr(0, colon);
  const std::string group = colon == std::string::npos ? "" : text.substr(colon + 1);
  const std::string passwd = ReadInRoot(root, "/etc/passwd");
  ContainerUser out;
  std::optional<std::vector<std::string>> line = FindLine(passwd, 0, user);
  const std::optional<std::uint32_t> number = AsNumber(user);
  if (!line.has_value() && number.has_value()) line = FindLine(passwd, 2, user);
  const std::optional<std::uint32_t> uid = line.has_value() ? IdAt(line, 2) : number;
  if (!uid.has_value()) return Unknown("user", user);
  out.uid = *uid;
  out.gid = IdAt(line, 3).value_or(0);
  if (group.empty()) return out;
  std::optional<std::uint32_t> gid = IdAt(FindLine(ReadInRoot(root, "/etc/group"), 0, group), 2);
  if (!gid.has_value()) gid = AsNumber(group);
  if (!gid.has_value()) return Unknown("group", group);
  out.gid = *gid;
  return out;
}

}  // namespace estiba::image
