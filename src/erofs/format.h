#pragma once
// EROFS on disk, as far as we use it (Linux, Documentation/filesystems/erofs.rst and fs/erofs/erofs_fs.h): 4096-byte
// blocks, nothing compressed, one device, metadata anywhere (meta_blkaddr 0). All numbers are little-endian.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "erofs/node.h"

namespace estiba::erofs {

static_assert(std::endian::native == std::endian::little, "structures are written as they lie in memory");

constexpr std::uint64_t kBlock = 4096;
constexpr unsigned kBlockBits = 12;
constexpr std::uint64_t kSlot = 32;  // an inode's number is its offset in these
constexpr std::uint32_t kMagic = 0xE0F5E1E2;
constexpr std::uint64_t kSuperOffset = 1024;
constexpr std::uint32_t kHole = 0xFFFFFFFF;  // a chunk without blocks
constexpr std::uint64_t kMaxBlocks = 0xFFFFFFFE;
constexpr std::size_t kMaxName = 255;

constexpr std::uint32_t kCompatChecksum = 1;
constexpr std::uint32_t kCompatMtime = 2;
constexpr std::uint32_t kIncompatChunks = 4;  // Linux 5.15

struct SuperBlock {
  std::uint32_t magic = kMagic;
  std::uint32_t checksum = 0;  // CRC-32C, not inverted at the end, of this (with 0 here) up to the block's end
  std::uint32_t feature_compat = kCompatChecksum | kCompatMtime;
  std::uint8_t block_bits = kBlockBits;
  std::uint8_t extra_slots = 0;
  std::uint16_t root = 0;
  std::uint64_t inodes = 0;
  std::uint64_t build_time = 0;
  std::uint32_t build_time_ns = 0;
  std::uint32_t blocks = 0;
  std::uint32_t meta_block = 0;
  std::uint32_t xattr_block = 0;
  std::uint8_t uuid[16] = {};
  char volume_name[16] = {};
  std::uint32_t feature_incompat = 0;
  std::uint8_t unused[44] = {};
};
static_assert(sizeof(SuperBlock) == 128);

enum class Layout : std::uint16_t { kPlain = 0, kInline = 2, kChunks = 4 };

// The extended form; the compact one has no room for 32-bit owners and a time.
struct DiskInode {
  std::uint16_t format = 0;       // bit 0: extended; from bit 1: Layout
  std::uint16_t xattr_count = 0;  // 0, or 1 + a fourth of the bytes after the attributes' header
  std::uint16_t mode = 0;
  std::uint16_t reserved = 0;
  std::uint64_t size = 0;
  std::uint32_t where = 0;  // kPlain, kInline: first block; kChunks: the format of chunks; devices: their number
  std::uint32_t number = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::int64_t mtime_s = 0;
  std::uint32_t mtime_ns = 0;
  std::uint32_t links = 0;
  std::uint8_t reserved2[16] = {};
};
static_assert(sizeof(DiskInode) == 64 && offsetof(DiskInode, links) == 44);

struct __attribute__((packed)) DiskEntry {
  std::uint64_t inode = 0;
  std::uint16_t name = 0;  // offset in the block
  std::uint8_t type = 0;   // FileType
  std::uint8_t reserved = 0;
};
static_assert(sizeof(DiskEntry) == 12);

enum class FileType : std::uint8_t {
  kUnknown = 0, kRegular = 1, kDirectory = 2, kCharDevice = 3, kBlockDevice = 4, kFifo = 5, kSocket = 6, kSymlink = 7,
};

struct XattrHeader {
  std::uint32_t filter = 0;
  std::uint8_t shared = 0;
  std::uint8_t reserved[7] = {};
};
static_assert(sizeof(XattrHeader) == 12);

struct XattrEntry {
  std::uint8_t name_size = 0;
  std::uint8_t index = 0;
  std::uint16_t value_size = 0;
};
static_assert(sizeof(XattrEntry) == 4);

template <typename T>
std::string_view BytesOf(const T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

constexpr std::uint64_t BlocksOf(std::uint64_t bytes) { return bytes / kBlock + (bytes % kBlock != 0 ? 1 : 0); }
constexpr std::uint64_t RoundUp(std::uint64_t value, std::uint64_t to) { return (value + to - 1) / to * to; }

// Mode and type as they stand in an inode.
std::uint16_t ModeOf(FileType type, std::uint32_t permissions);
FileType TypeOf(std::uint16_t mode);
Kind KindOf(FileType type);

// Of block 0 from the superblock on, whose checksum field is taken for 0.
std::uint32_t SuperChecksum(std::string_view block0);

}  // namespace estiba::erofs
