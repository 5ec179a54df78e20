#include "os/attributes.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <sys/xattr.h>

namespace estiba::os {
namespace {

constexpr std::size_t kUsual = 1024;
constexpr std::size_t kMost = 64U << 10;  // XATTR_LIST_MAX and XATTR_SIZE_MAX of the kernel

// What `read` (a buffer and its size to bytes, or -1 with errno) answers; -1 with errno.
template <typename Read>
ssize_t ReadInto(std::string& out, const Read& read) {
  std::array<char, kUsual> usual;
  ssize_t size = read(usual.data(), usual.size());
  if (size >= 0) {
    out.assign(usual.data(), static_cast<std::size_t>(size));
    return size;
  }
  if (errno != ERANGE) return size;
  out.resize(kMost);
  size = read(out.data(), out.size());
  if (size >= 0) out.resize(static_cast<std::size_t>(size));
  return size;
}

// An O_PATH descriptor takes no f*xattr call, and a link has no other.
std::string MagicPath(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

Result<std::optional<std::string>> ReadOne(const std::string& path, const std::string& name) {
  std::string value;
  const ssize_t size =
      ReadInto(value, [&](char* to, std::size_t room) { return ::getxattr(path.c_str(), name.c_str(), to, room); });
  if (size >= 0) return std::optional<std::string>(std::move(value));
  if (errno == ENODATA || errno == ENOTSUP) return std::optional<std::string>();
  return Error::Errno(errno, "read attribute '" + name + "'");
}

}  // namespace

Result<Attributes> ReadAttributes(int fd) {
  const std::string path = MagicPath(fd);
  std::string names;
  const ssize_t size =
      ReadInto(names, [&](char* to, std::size_t room) { return ::listxattr(path.c_str(), to, room); });
  Attributes out;
  if (size < 0 && errno == ENOTSUP) return out;
  if (size < 0) return Error::Errno(errno, "list attributes");
  for (std::size_t at = 0; at < names.size();) {
    std::string name = names.c_str() + at;
    at += name.size() + 1;
    std::optional<std::string> value = TRY(ReadOne(path, name));
    if (value.has_value()) out.emplace_back(std::move(name), std::move(*value));
  }
  std::sort(out.begin(), out.end());
  return out;
}

Result<std::optional<std::string>> ReadAttribute(int fd, const std::string& name) {
  return ReadOne(MagicPath(fd), name);
}

char OverlayMark(int directory) {
  const std::string path = MagicPath(directory);
  char value = 0;
  for (const char* name : {"trusted.overlay.opaque", "user.overlay.opaque"})
    if (::getxattr(path.c_str(), name, &value, 1) == 1) return value;
  return 0;
}

bool IsOverlayAttribute(std::string_view name) {
  return name.starts_with("trusted.overlay.") || name.starts_with("user.overlay.");
}

}  // namespace estiba::os
