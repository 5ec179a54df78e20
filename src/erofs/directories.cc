// Directories of an image: sorted names in blocks of their own, the last of them beside the inode.

#include <algorithm>

#include "attributes.h"
#include "writer_impl.h"

namespace estiba::erofs {
namespace {

struct Entry {
  std::string_view name;
  std::uint64_t target = 0;  // an inode, or a directory
  FileType type = FileType::kUnknown;
};

struct Shape {
  std::uint64_t size = 0;  // of its content
  std::uint64_t inode = 0;
  std::uint32_t first = kHole;  // block
  std::uint32_t links = 2;
  std::string beside;

  std::uint64_t tail() const { return size % kBlock; }
};

class Directories {
 public:
  explicit Directories(Writer::Impl& writer) : writer_(writer) {}

  Result<std::string> Write() {
    FindLive();
    Group();
    shapes_.resize(writer_.directories.size());
    // Parents name their children's inodes and children their parent's: all get their places before any is written.
    for (std::uint32_t i = 0; i < shapes_.size(); ++i) {
      if (live_[i]) TRY(Place(i));
    }
    for (std::uint32_t i = 1; i < shapes_.size(); ++i) {
      if (!live_[i]) continue;
      const std::string record = TRY(Record(i));
      TRY(writer_.records.Write(shapes_[i].inode * kSlot, record));
    }
    return Record(0);
  }

 private:
  // Whatever was below a directory that was replaced is gone with it. Parents have smaller numbers than what is in
  // them.
  void FindLive() {
    live_.resize(writer_.directories.size());
    for (std::uint32_t i = 0; i < live_.size(); ++i) {
      DirectoryRecord& directory = writer_.directories[i];
      live_[i] = directory.there && (i == 0 || live_[directory.parent]);
      directory.there = live_[i];
    }
  }

  // The names by directory, as offsets of one list.
  void Group() {
    const std::vector<Name>& all = writer_.names.all();
    begin_.assign(live_.size() + 1, 0);
    for (const Name& name : all) {
      if (name.there && live_[name.parent]) ++begin_[name.parent + 1];
    }
    for (std::size_t i = 1; i < begin_.size(); ++i) begin_[i] += begin_[i - 1];
    grouped_.resize(begin_.back());
    std::vector<std::uint32_t> next(begin_.begin(), begin_.end() - 1);
    for (std::uint32_t i = 0; i < all.size(); ++i) {
      if (all[i].there && live_[all[i].parent]) grouped_[next[all[i].parent]++] = i;
    }
  }

  std::vector<Entry> EntriesOf(std::uint32_t directory) const {
    std::vector<Entry> entries = {{".", directory, FileType::kDirectory},
                                  {"..", writer_.directories[directory].parent, FileType::kDirectory}};
    for (std::uint32_t i = begin_[directory]; i < begin_[directory + 1]; ++i) {
      const Name& name = writer_.names.all()[grouped_[i]];
      entries.push_back({writer_.names.TextOf(name), name.target, name.type});
    }
    // By bytes, the dots among the others: the kernel searches by halves.
    std::ranges::sort(entries, {}, &Entry::name);
    return entries;
  }

  // How many of the entries from `first` on fill a block, and the bytes they take.
  static std::pair<std::size_t, std::uint64_t> FillBlock(const std::vector<Entry>& entries, std::size_t first) {
    std::uint64_t used = 0;
    std::size_t at = first;
    for (; at < entries.size(); ++at) {
      const std::uint64_t more = sizeof(DiskEntry) + entries[at].name.size();
      if (used + more > kBlock) break;
      used += more;
    }
    return {at - first, used};
  }

  Status Place(std::uint32_t number) {
    Shape& shape = shapes_[number];
    const std::vector<Entry> entries = EntriesOf(number);
    for (std::size_t at = 0; at < entries.size();) {
      const auto [count, used] = FillBlock(entries, at);
      at += count;
      shape.size = shape.size / kBlock * kBlock + (shape.size % kBlock != 0 ? kBlock : 0) + used;
    }
    for (const Entry& entry : entries) {
      const bool below = entry.type == FileType::kDirectory && entry.name != "." && entry.name != "..";
      shape.links += below ? 1 : 0;
    }
    shape.beside = TRY(EncodeAttributes(writer_.directories[number].attributes));
    return TakeRoom(number);
  }

  bool TailBeside(std::uint32_t number) const {
    const Shape& shape = shapes_[number];
    const std::uint64_t room = number == 0 ? kBlock - kRootOffset : kBlock;
    return shape.tail() != 0 && sizeof(DiskInode) + shape.beside.size() + shape.tail() <= room;
  }

  Status TakeRoom(std::uint32_t number) {
    Shape& shape = shapes_[number];
    const bool beside = TailBeside(number);
    const std::uint64_t blocks = beside ? shape.size / kBlock : BlocksOf(shape.size);
    if (blocks > 0) shape.first = TRY(writer_.room.TakeBlocks(blocks));
    if (number == 0) {
      shape.inode = kRootOffset / kSlot;
      if (sizeof(DiskInode) + shape.beside.size() > kBlock - kRootOffset)
        return Error(Code::kInvalidArgument, "the root directory has attributes of more than 2880 bytes");
      return Ok();
    }
    const std::uint64_t record = sizeof(DiskInode) + shape.beside.size() + (beside ? shape.tail() : 0);
    shape.inode = TRY(writer_.room.TakeRecord(record)) / kSlot;
    return Ok();
  }

  std::string EncodeBlock(const std::vector<Entry>& entries, std::size_t first, std::size_t count) const {
    std::string heads;
    std::string texts;
    for (std::size_t i = first; i < first + count; ++i) {
      const Entry& entry = entries[i];
      DiskEntry head;
      head.inode = entry.type == FileType::kDirectory ? shapes_[entry.target].inode : entry.target;
      head.name = static_cast<std::uint16_t>(count * sizeof(DiskEntry) + texts.size());
      head.type = static_cast<std::uint8_t>(entry.type);
      heads += BytesOf(head);
      texts += entry.name;
    }
    return heads + texts;
  }

  // Writes its blocks, and answers what stands beside the inode.
  Result<std::string> WriteContent(std::uint32_t number) {
    const std::vector<Entry> entries = EntriesOf(number);
    std::uint64_t offset = shapes_[number].first * kBlock;
    for (std::size_t at = 0; at < entries.size();) {
      const auto [count, used] = FillBlock(entries, at);
      std::string block = EncodeBlock(entries, at, count);
      at += count;
      const bool last = at == entries.size();
      if (last && TailBeside(number)) return block;
      block.resize(kBlock);
      TRY(writer_.data.Write(offset, block));
      offset += kBlock;
    }
    return std::string();
  }

  // The inode and what stands beside it.
  Result<std::string> Record(std::uint32_t number) {
    const Shape& shape = shapes_[number];
    const DirectoryRecord& directory = writer_.directories[number];
    Metadata metadata;
    metadata.mode = directory.mode;
    metadata.uid = directory.uid;
    metadata.gid = directory.gid;
    metadata.mtime_s = directory.mtime_s;
    metadata.mtime_ns = directory.mtime_ns;
    Writer::Impl::Inode inode;
    inode.type = FileType::kDirectory;
    inode.layout = TailBeside(number) ? Layout::kInline : Layout::kPlain;
    inode.size = shape.size;
    inode.where = shape.first;
    inode.links = shape.links;
    inode.beside = shape.beside;
    const std::string tail = TRY(WriteContent(number));
    return std::string(BytesOf(writer_.Encode(inode, metadata))) + shape.beside + tail;
  }

  Writer::Impl& writer_;
  std::vector<bool> live_;
  std::vector<std::uint32_t> begin_;
  std::vector<std::uint32_t> grouped_;
  std::vector<Shape> shapes_;
};

}  // namespace

Result<std::string> WriteDirectories(Writer::Impl& writer) { return Directories(writer).Write(); }

}  // namespace estiba::erofs
