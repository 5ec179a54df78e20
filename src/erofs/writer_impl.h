#pragma once
// What Writer keeps, for the files that make it.

#include <unordered_set>

#include "erofs/writer.h"
#include "names.h"
#include "output.h"

namespace estiba::erofs {

struct DirectoryRecord {
  std::uint32_t parent = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint32_t mtime_ns = 0;
  std::int64_t mtime_s = 0;
  std::uint16_t mode = 0755;
  bool there = true;
  Attributes attributes;
};

struct Writer::Impl {
  explicit Impl(int out);

  Status CheckName(Directory parent, std::string_view name) const;
  // Not larger than what has to stay in memory may be.
  Status CheckMemory() const;
  void Replace(Directory parent, std::string_view name);
  // Writes an inode, and answers its number.
  struct Inode {
    FileType type = FileType::kUnknown;
    Layout layout = Layout::kPlain;
    std::uint64_t size = 0;
    std::uint32_t where = 0;
    std::uint32_t links = 1;
    std::string_view beside;  // attributes
    std::string_view tail;
  };
  DiskInode Encode(const Inode& inode, const Metadata& metadata);
  Result<std::uint64_t> WriteInode(const Inode& inode, const Metadata& metadata);
  Status AddSpecial(Directory parent, std::string_view name, const Metadata& metadata, FileType type,
                    std::uint32_t device);
  void Named(Directory parent, std::string_view name, FileType type, std::uint64_t target,
             bool whiteout = false);
  Status WriteLinkCounts();
  Status WriteBlock0(std::string_view root, std::uint64_t blocks, std::string_view uuid);

  int file;
  Room room;
  Gathered data;
  Gathered records;
  Names names;
  std::vector<DirectoryRecord> directories;
  std::size_t attribute_bytes = 0;  // of directories
  std::unordered_set<std::uint64_t> linked;  // inodes with several names, perhaps
  std::uint64_t inodes = 0;
  bool chunks = false;
};

// Directories as they go out: called once everything else is in. Answers the bytes of the root's inode, for block 0.
Result<std::string> WriteDirectories(Writer::Impl& writer);

// Where the root's inode stands: in block 0, since the superblock has 16 bits for its number.
constexpr std::uint64_t kRootOffset = kSuperOffset + sizeof(SuperBlock);
static_assert(kRootOffset % kSlot == 0);

}  // namespace estiba::erofs
