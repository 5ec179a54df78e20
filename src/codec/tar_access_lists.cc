#include "tar_access_lists.h"

#include <algorithm>
#include <climits>
#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include <archive.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>

#include "base/log.h"

namespace estiba::codec {
namespace {

constexpr std::uint32_t kNobody = 0xFFFFFFFF;  // of entries that need no id

struct AclEntry {
  std::uint16_t tag = 0;  // ACL_USER_OBJ, …: their order is the kernel's
  std::uint16_t permissions = 0;
  std::uint32_t id = kNobody;

  auto Key() const { return std::tuple(tag, id); }
};

std::optional<std::uint16_t> TagOf(int tag) {
  switch (tag) {
    case ARCHIVE_ENTRY_ACL_USER_OBJ: return ACL_USER_OBJ;
    case ARCHIVE_ENTRY_ACL_USER: return ACL_USER;
    case ARCHIVE_ENTRY_ACL_GROUP_OBJ: return ACL_GROUP_OBJ;
    case ARCHIVE_ENTRY_ACL_GROUP: return ACL_GROUP;
    case ARCHIVE_ENTRY_ACL_MASK: return ACL_MASK;
    case ARCHIVE_ENTRY_ACL_OTHER: return ACL_OTHER;
    default: return std::nullopt;
  }
}

struct List {
  std::vector<AclEntry> entries;  // as the kernel wants them sorted
  bool understood = true;         // each of them
};

// Of ARCHIVE_ENTRY_ACL_TYPE_ACCESS or _DEFAULT; no entries when there is no such list.
List Read(archive_entry* from, int type) {
  List out;
  if ((::archive_entry_acl_types(from) & type) == 0 || ::archive_entry_acl_reset(from, type) == 0) return out;
  int found_type = 0;
  int permissions = 0;
  int tag = 0;
  int id = -1;
  const char* name = nullptr;
  while (::archive_entry_acl_next(from, type, &found_type, &permissions, &tag, &id, &name) == ARCHIVE_OK) {
    const auto kernel_tag = TagOf(tag);
    const bool named = kernel_tag == ACL_USER || kernel_tag == ACL_GROUP;
    // libarchive says INT_MAX of ids that are larger.
    out.understood = out.understood && kernel_tag && (!named || (id >= 0 && id < INT_MAX));
    constexpr int kAll = ACL_READ | ACL_WRITE | ACL_EXECUTE;  // libarchive's bits are the kernel's
    out.entries.push_back({kernel_tag.value_or(0), static_cast<std::uint16_t>(permissions & kAll),
                           named ? static_cast<std::uint32_t>(id) : kNobody});
  }
  std::ranges::sort(out.entries, {}, &AclEntry::Key);
  return out;
}

const AclEntry* Find(const List& list, std::uint16_t tag) {
  const auto found = std::ranges::find(list.entries, tag, &AclEntry::tag);
  return found == list.entries.end() ? nullptr : &*found;
}

// acl(5), "VALID ACLs".
bool IsValid(const List& list) {
  const auto twice = std::ranges::adjacent_find(list.entries, {}, &AclEntry::Key);
  const bool named = Find(list, ACL_USER) != nullptr || Find(list, ACL_GROUP) != nullptr;
  return list.understood && twice == list.entries.end() && Find(list, ACL_USER_OBJ) != nullptr &&
         Find(list, ACL_GROUP_OBJ) != nullptr && Find(list, ACL_OTHER) != nullptr &&
         (!named || Find(list, ACL_MASK) != nullptr);
}

void AddNumber(std::string& out, std::uint32_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xFFU);
}

std::string AttributeOf(const List& list) {
  std::string out;
  AddNumber(out, POSIX_ACL_XATTR_VERSION, 4);
  for (const AclEntry& entry : list.entries) {
    AddNumber(out, entry.tag, 2);
    AddNumber(out, entry.permissions, 2);
    AddNumber(out, entry.id, 4);
  }
  return out;
}

Status Add(const List& list, const char* name, std::size_t limit, TarEntry& entry) {
  if (list.entries.empty()) return Ok();
  const auto has = [&](const auto& attribute) { return attribute.first == name; };
  if (std::ranges::any_of(entry.xattrs, has)) return Ok();
  if (!IsValid(list)) {
    log::Warn("left out of an archive's entry: an access list that names somebody without an id, or is none",
              {{"path", entry.path}, {"attribute", name}});
    return Ok();
  }
  std::string value = AttributeOf(list);
  if (value.size() > limit)
    return Error(Code::kResourceExhausted, "archive entry '" + entry.path + "' has too long an access list");
  entry.xattrs.emplace_back(name, std::move(value));
  return Ok();
}

}  // namespace

Status AddAccessLists(archive_entry* from, std::size_t limit, TarEntry& entry) {
  if (entry.kind == TarKind::kSymlink || entry.kind == TarKind::kHardlink) return Ok();
  const List access = Read(from, ARCHIVE_ENTRY_ACL_TYPE_ACCESS);
  // The header's mode has the mask for the group's permissions; libarchive has put the owning group's in its place.
  if (const AclEntry* mask = Find(access, ACL_MASK)) entry.mode = (entry.mode & ~070U) | mask->permissions << 3U;
  TRY(Add(access, "system.posix_acl_access", limit, entry));
  if (entry.kind != TarKind::kDirectory) return Ok();
  return Add(Read(from, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT), "system.posix_acl_default", limit, entry);
}

}  // namespace estiba::codec
