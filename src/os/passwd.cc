#include "os/passwd.h"

#include <cerrno>
#include <optional>

#include <fcntl.h>
#include <sys/stat.h>

#include "base/parse.h"
#include "base/text.h"
#include "os/file.h"

namespace estiba::os {
namespace {

constexpr std::size_t kLargestFile = 8U << 20;  // an image may hold anything (CVE-2026-47262)
constexpr std::uint64_t kMaxId = 2147483647;

struct PasswdEntry {
  std::string name;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::string home;
};

struct GroupEntry {
  std::string name;
  std::uint32_t gid = 0;
  std::vector<std::string> members;
};

template <typename Visit>
void ForEachLine(const std::string& text, Visit visit) {
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    const std::string_view line = Trim(rest.substr(0, end));
    if (!line.empty() && line[0] != '#' && !visit(Split(line, ':'))) return;
    if (end == std::string_view::npos) return;
    rest.remove_prefix(end + 1);
  }
}

bool Id(const std::string& text, std::uint32_t* id) {
  auto number = ParseUint(text, UINT32_MAX);
  if (!number.ok()) return false;
  *id = static_cast<std::uint32_t>(*number);
  return true;
}

template <typename Match>
std::optional<PasswdEntry> FindUser(const std::string& passwd, Match match) {
  std::optional<PasswdEntry> found;
  ForEachLine(passwd, [&](const std::vector<std::string>& fields) {
    PasswdEntry entry;
    if (fields.size() < 4 || !Id(fields[2], &entry.uid) || !Id(fields[3], &entry.gid)) return true;
    entry.name = fields[0];
    if (fields.size() > 5) entry.home = fields[5];
    if (!match(entry)) return true;
    found = std::move(entry);
    return false;
  });
  return found;
}

template <typename Match>
std::vector<GroupEntry> FindGroups(const std::string& group, Match match) {
  std::vector<GroupEntry> found;
  ForEachLine(group, [&](const std::vector<std::string>& fields) {
    GroupEntry entry;
    if (fields.size() < 3 || !Id(fields[2], &entry.gid)) return true;
    entry.name = fields[0];
    if (fields.size() > 3 && !fields[3].empty()) entry.members = Split(fields[3], ',');
    if (match(entry)) found.push_back(std::move(entry));
    return found.size() < 65536;
  });
  return found;
}

bool IsNumber(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

Result<std::uint32_t> NumericId(const std::string& text) {
  auto id = ParseUint(text, kMaxId);
  if (!id.ok()) {
    return Error(Code::kInvalidArgument, "uids and gids must be in range 0-2147483647, not " + text);
  }
  return static_cast<std::uint32_t>(*id);
}

Status ResolveGroup(const std::string& group_file, const std::string& group, ResolvedUser& user) {
  const auto groups = FindGroups(group_file, [&](const GroupEntry& entry) {
    return entry.name == group || (IsNumber(group) && std::to_string(entry.gid) == group);
  });
  if (!groups.empty()) {
    user.gid = groups[0].gid;
  } else if (IsNumber(group)) {
    user.gid = TRY(NumericId(group));
  } else {
    return Error(Code::kInvalidArgument, "unable to find group " + group + ": no matching entries in group file");
  }
  return Ok();
}

}  // namespace

Result<ResolvedUser> ResolveUser(const std::string& passwd, const std::string& group, const std::string& user,
                                   std::uint32_t uid, std::uint32_t gid) {
  ResolvedUser resolved;
  resolved.by_name = !user.empty();
  resolved.uid = uid;
  resolved.gid = gid;
  resolved.home = "/";
  const std::size_t colon = user.find(':');
  const std::string user_name = user.substr(0, colon);
  const std::string group_name = colon == std::string::npos ? std::string() : user.substr(colon + 1);
  // The specification's numbers stand when no name was given: only the home is looked up.
  const auto entry = FindUser(passwd, [&](const PasswdEntry& candidate) {
    if (user_name.empty()) return candidate.uid == uid;
    return candidate.name == user_name || (IsNumber(user_name) && std::to_string(candidate.uid) == user_name);
  });
  if (entry.has_value()) {
    if (!entry->home.empty()) resolved.home = entry->home;
    if (!resolved.by_name) return resolved;
    resolved.uid = entry->uid;
    resolved.gid = entry->gid;
  } else if (!user_name.empty()) {
    if (!IsNumber(user_name)) {
      return Error(Code::kInvalidArgument, "unable to find user " + user_name + ": no matching entries in passwd file");
    }
    resolved.uid = TRY(NumericId(user_name));
    resolved.gid = 0;
  }
  if (!resolved.by_name) return resolved;
  if (!group_name.empty()) TRY(ResolveGroup(group, group_name, resolved));
  resolved.groups = {resolved.gid};
  if (group_name.empty() && entry.has_value()) {
    const auto groups = FindGroups(group, [&](const GroupEntry& candidate) {
      for (const std::string& member : candidate.members) {
        if (member == entry->name) return true;
      }
      return false;
    });
    for (const GroupEntry& found : groups) {
      if (found.gid != resolved.gid) resolved.groups.push_back(found.gid);
    }
  }
  return resolved;
}

Result<std::string> ReadUserFile(DirFd root, const char* path) {
  auto file = OpenInRoot(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!file.ok()) {
    const int err = file.error().errnum();
    if (err == ENOENT || err == ENOTDIR || err == ELOOP) return std::string();
    return std::move(file).error();
  }
  struct stat st {};
  if (::fstat(file->get(), &st) != 0 || !S_ISREG(st.st_mode)) return std::string();
  return TRY_CTX(ReadAll(file->get(), kLargestFile), std::string("read '") + path + "' of the container");
}

}  // namespace estiba::os
