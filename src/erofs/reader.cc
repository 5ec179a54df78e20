#include "erofs/reader.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <sys/stat.h>
#include <unistd.h>

#include "attributes.h"
#include "format.h"

namespace estiba::erofs {
namespace {

constexpr std::size_t kWindow = 64U << 10;

Error Corrupt(const std::string& what) { return Error(Code::kDataLoss, "the EROFS image is damaged: " + what); }

template <typename T>
T Load(std::string_view bytes, std::size_t offset = 0) {
  T out;
  std::memcpy(&out, bytes.data() + offset, sizeof out);
  return out;
}

// One inode as it lies in the image, checked as far as that goes without reading more.
struct Found {
  DiskInode disk;
  FileType type = FileType::kUnknown;
  Layout layout = Layout::kPlain;
  std::uint64_t attributes = 0;  // offset
  std::uint64_t attributes_size = 0;
  std::uint64_t beside = 0;      // offset of what follows them
};

}  // namespace

struct Reader::Impl {
  // Bytes of the image, valid until the next call.
  Result<std::string_view> At(std::uint64_t offset, std::size_t count) {
    if (offset > file_size || count > file_size - offset)
      return Corrupt("it refers to what is behind its end (" + std::to_string(offset) + ")");
    if (offset >= window_start && offset + count <= window_start + window.size())
      return std::string_view(window).substr(offset - window_start, count);
    const std::uint64_t begin = offset / kBlock * kBlock;
    const std::uint64_t wanted = std::max<std::uint64_t>(kWindow, offset + count - begin);
    window.resize(std::min(wanted, file_size - begin));
    window_start = begin;
    std::size_t done = 0;
    while (done < window.size()) {
      const ssize_t n = ::pread(file, window.data() + done, window.size() - done, static_cast<off_t>(begin + done));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) {
        const int err = n < 0 ? errno : EIO;
        window.clear();
        return Error::Errno(err, "read an EROFS image");
      }
      done += static_cast<std::size_t>(n);
    }
    return std::string_view(window).substr(offset - begin, count);
  }

  Result<Found> Inode(Number number) {
    const std::string name = "inode " + std::to_string(number);
    if (number > file_size / kSlot) return Corrupt(name + " is behind its end");
    const std::uint64_t offset = number * kSlot;
    Found out;
    out.disk = Load<DiskInode>(TRY(At(offset, sizeof(DiskInode))));
    out.type = TypeOf(out.disk.mode);
    out.layout = static_cast<Layout>(out.disk.format >> 1);
    const bool layout_known =
        out.layout == Layout::kPlain || out.layout == Layout::kInline || out.layout == Layout::kChunks;
    if ((out.disk.format & 1U) == 0 || !layout_known || out.type == FileType::kUnknown ||
        out.disk.size > static_cast<std::uint64_t>(INT64_MAX))
      return Corrupt(name + " is of a form that we do not write");
    if (out.disk.xattr_count > 0)
      out.attributes_size = sizeof(XattrHeader) + (std::uint64_t{out.disk.xattr_count} - 1) * 4;
    out.attributes = offset + sizeof(DiskInode);
    out.beside = out.attributes + out.attributes_size;
    return out;
  }

  // Where the bytes of an inode at `offset` are, and how many follow each other; no count: a hole of `size`.
  struct Extent {
    std::uint64_t at = 0;
    std::uint64_t size = 0;
    bool hole = false;
  };
  Result<Extent> Locate(const Found& found, std::uint64_t offset) {
    const std::uint64_t size = found.disk.size;
    if (offset >= size) return Extent{};
    if (found.layout == Layout::kChunks) return LocateChunk(found, offset);
    const std::uint64_t row = found.layout == Layout::kInline ? size / kBlock * kBlock : size;
    if (offset >= row) return Extent{found.beside + (offset - row), size - offset, false};
    return Extent{found.disk.where * kBlock + offset, row - offset, false};
  }

  Result<Extent> LocateChunk(const Found& found, std::uint64_t offset) {
    if ((found.disk.where & ~31U) != 0) return Corrupt("its chunks are of a form that we do not write");
    const std::uint64_t chunk = kBlock << (found.disk.where & 31U);
    const std::uint64_t index = offset / chunk;
    const std::uint64_t inside = offset % chunk;
    const std::uint64_t entry = found.beside + index * sizeof(std::uint32_t);
    const auto block = Load<std::uint32_t>(TRY(At(entry, sizeof(std::uint32_t))));
    const std::uint64_t left = std::min(chunk - inside, found.disk.size - offset);
    if (block == kHole) return Extent{0, left, true};
    return Extent{block * kBlock + inside, left, false};
  }

  // All of a small content: names and links.
  Result<std::string> Whole(const Found& found, std::uint64_t offset, std::size_t size) {
    std::string out;
    while (out.size() < size) {
      const Extent extent = TRY(Locate(found, offset + out.size()));
      const std::size_t n = std::min<std::uint64_t>(extent.size, size - out.size());
      if (n == 0) return Corrupt("a content is shorter than its size");
      if (extent.hole) {
        out.resize(out.size() + n);
      } else {
        out += TRY(At(extent.at, n));
      }
    }
    return out;
  }

  struct DirectoryBlock {
    std::string bytes;
    std::size_t count = 0;

    DiskEntry EntryAt(std::size_t index) const { return Load<DiskEntry>(bytes, index * sizeof(DiskEntry)); }
    // The last name of a block ends at a NUL or the block's end.
    Result<std::string_view> NameAt(std::size_t index) const {
      const std::size_t begin = EntryAt(index).name;
      const std::size_t end = index + 1 < count ? EntryAt(index + 1).name : bytes.size();
      if (begin < count * sizeof(DiskEntry) || begin > end || end > bytes.size())
        return Corrupt("a directory's names do not hold together");
      const std::string_view name = std::string_view(bytes).substr(begin, end - begin);
      return index + 1 < count ? name : name.substr(0, name.find('\0'));
    }
  };
  Result<DirectoryBlock> Block(const Found& directory, std::uint64_t index) {
    const std::uint64_t offset = index * kBlock;
    const std::size_t size = std::min<std::uint64_t>(kBlock, directory.disk.size - offset);
    DirectoryBlock out;
    out.bytes = TRY(Whole(directory, offset, size));
    if (size < sizeof(DiskEntry)) return Corrupt("a directory is too short");
    const std::size_t first = out.EntryAt(0).name;
    out.count = first / sizeof(DiskEntry);
    if (first == 0 || first % sizeof(DiskEntry) != 0 || first > size)
      return Corrupt("a directory's first name is lost");
    return out;
  }

  Result<Found> Directory(Number number) {
    Found found = TRY(Inode(number));
    if (found.type != FileType::kDirectory) return Corrupt("inode " + std::to_string(number) + " is no directory");
    return found;
  }

  int file = -1;
  std::uint64_t file_size = 0;
  SuperBlock super;
  std::string window;
  std::uint64_t window_start = 0;
};

Reader::Reader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Reader::Reader(Reader&&) noexcept = default;
Reader::~Reader() = default;

Result<Reader> Reader::Open(int file) {
  auto impl = std::make_unique<Impl>();
  impl->file = file;
  struct stat info {};
  if (::fstat(file, &info) < 0) return Error::Errno(errno, "look at an EROFS image");
  impl->file_size = static_cast<std::uint64_t>(info.st_size);
  const std::string block(TRY(impl->At(0, kBlock)));
  SuperBlock& super = impl->super;
  super = Load<SuperBlock>(block, kSuperOffset);
  if (super.magic != kMagic) return Corrupt("it has no superblock");
  if (super.checksum != SuperChecksum(block)) return Corrupt("its superblock has another checksum");
  if (super.block_bits != kBlockBits || super.meta_block != 0 || (super.feature_incompat & ~kIncompatChunks) != 0)
    return Corrupt("it is of a form that we do not write");
  if (super.blocks * kBlock != impl->file_size)
    return Corrupt("it has " + std::to_string(impl->file_size) + " bytes and should have " +
                   std::to_string(super.blocks * kBlock));
  return Reader(std::move(impl));
}

Reader::Number Reader::root() const { return impl_->super.root; }
std::uint64_t Reader::inodes() const { return impl_->super.inodes; }
std::uint64_t Reader::size() const { return impl_->file_size; }

Result<Reader::Inode> Reader::Get(Number number) const {
  const Found found = TRY(impl_->Inode(number));
  Inode out;
  out.number = number;
  out.kind = KindOf(found.type);
  out.size = found.disk.size;
  out.links = found.disk.links;
  out.metadata.mode = found.disk.mode & 07777U;
  out.metadata.uid = found.disk.uid;
  out.metadata.gid = found.disk.gid;
  out.metadata.mtime_s = found.disk.mtime_s;
  out.metadata.mtime_ns = found.disk.mtime_ns;
  const std::uint32_t device = found.disk.where;
  if (out.kind == Kind::kCharDevice || out.kind == Kind::kBlockDevice)
    out.device = {(device >> 8) & 0xFFFU, (device & 0xFFU) | ((device >> 12) & 0xFFF00U)};
  return out;
}

Result<Attributes> Reader::AttributesOf(Number number) const {
  const Found found = TRY(impl_->Inode(number));
  const std::string_view bytes = TRY(impl_->At(found.attributes, found.attributes_size));
  return DecodeAttributes(bytes);
}

Result<std::optional<std::string>> Reader::AttributeOf(Number number, std::string_view name) const {
  const Attributes all = TRY(AttributesOf(number));
  for (const auto& [known, value] : all) {
    if (known == name) return std::optional<std::string>(value);
  }
  return std::optional<std::string>();
}

Result<std::string> Reader::LinkOf(Number number) const {
  const Found found = TRY(impl_->Inode(number));
  if (found.type != FileType::kSymlink || found.disk.size > kBlock)
    return Corrupt("inode " + std::to_string(number) + " is no symbolic link");
  return impl_->Whole(found, 0, found.disk.size);
}

Result<Piece> Reader::Read(Number number, std::uint64_t offset, std::string& buffer, std::size_t limit) const {
  const Found found = TRY(impl_->Inode(number));
  if (found.type != FileType::kRegular) return Corrupt("inode " + std::to_string(number) + " is no file");
  while (true) {
    const Impl::Extent extent = TRY(impl_->Locate(found, offset));
    if (extent.size == 0) return Piece{};
    if (extent.hole) {
      offset += extent.size;
      continue;
    }
    buffer = TRY(impl_->At(extent.at, std::min<std::uint64_t>(extent.size, limit)));
    return Piece{offset, buffer};
  }
}

Result<std::optional<Reader::Number>> Reader::Find(Number directory, std::string_view name) const {
  const Found found = TRY(impl_->Directory(directory));
  std::uint64_t low = 0;
  std::uint64_t high = BlocksOf(found.disk.size);
  while (low < high) {  // the block whose first name is the last that is not behind `name`
    const std::uint64_t middle = low + (high - low) / 2;
    const Impl::DirectoryBlock block = TRY(impl_->Block(found, middle));
    const std::string_view first = TRY(block.NameAt(0));
    if (first > name) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  if (low == 0) return std::optional<Number>();
  const Impl::DirectoryBlock block = TRY(impl_->Block(found, low - 1));
  for (std::size_t i = 0; i < block.count; ++i) {
    const std::string_view here = TRY(block.NameAt(i));
    if (here == name) return std::optional<Number>(block.EntryAt(i).inode);
  }
  return std::optional<Number>();
}

Status Reader::List(Number directory, const Visitor& visitor) const {
  const Found found = TRY(impl_->Directory(directory));
  const std::uint64_t blocks = BlocksOf(found.disk.size);
  for (std::uint64_t i = 0; i < blocks; ++i) {
    const Impl::DirectoryBlock block = TRY(impl_->Block(found, i));
    for (std::size_t at = 0; at < block.count; ++at) {
      const std::string_view name = TRY(block.NameAt(at));
      if (name == "." || name == "..") continue;
      const DiskEntry entry = block.EntryAt(at);
      TRY(visitor(name, entry.inode, KindOf(static_cast<FileType>(entry.type))));
    }
  }
  return Ok();
}

}  // namespace estiba::erofs
