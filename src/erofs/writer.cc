#include "erofs/writer.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <unordered_map>

#include <unistd.h>

#include "attributes.h"
#include "body.h"
#include "writer_impl.h"

namespace estiba::erofs {
namespace {

constexpr std::size_t kDataBuffer = 1U << 20;
constexpr std::size_t kRecordBuffer = 256U << 10;
constexpr std::size_t kMaxMemory = 192U << 20;
constexpr std::size_t kMaxTarget = 4095;

FileType DeviceType(Kind kind) {
  return kind == Kind::kCharDevice ? FileType::kCharDevice : FileType::kBlockDevice;
}

// As new_encode_dev() of the kernel, which is also what mknod(2) makes of larger numbers.
std::uint32_t EncodeDevice(Device device) {
  return (device.minor & 0xFFU) | ((device.major & 0xFFFU) << 8) | ((device.minor & 0xFFF00U) << 12);
}

}  // namespace

Writer::Impl::Impl(int out) : file(out), data(out, kDataBuffer), records(out, kRecordBuffer) {
  directories.emplace_back();
}

Status Writer::Impl::CheckName(Directory parent, std::string_view name) const {
  if (parent >= directories.size()) return Error(Code::kInternal, "an image's directory that was never made");
  if (name.size() > kMaxName) return Error::Errno(ENAMETOOLONG, "'" + std::string(name) + "'");
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string_view::npos ||
      name.find('\0') != std::string_view::npos)
    return Error(Code::kInvalidArgument, "'" + std::string(name) + "' is not a file's name");
  return CheckMemory();
}

Status Writer::Impl::CheckMemory() const {
  const std::size_t used = names.memory() + directories.size() * sizeof(DirectoryRecord) + attribute_bytes;
  if (used <= kMaxMemory) return Ok();
  return Error(Code::kResourceExhausted,
               "an EROFS image of " + std::to_string(names.all().size()) + " entries takes too much memory to write")
      .Hint("the storage driver 'overlay' has no such limit");
}

DiskInode Writer::Impl::Encode(const Inode& inode, const Metadata& metadata) {
  DiskInode out;
  out.format = static_cast<std::uint16_t>(1U | (static_cast<unsigned>(inode.layout) << 1));
  if (!inode.beside.empty())
    out.xattr_count = static_cast<std::uint16_t>(1 + (inode.beside.size() - sizeof(XattrHeader)) / 4);
  out.mode = ModeOf(inode.type, metadata.mode);
  out.size = inode.size;
  out.where = inode.where;
  out.number = static_cast<std::uint32_t>(++inodes);
  out.uid = metadata.uid;
  out.gid = metadata.gid;
  out.mtime_s = metadata.mtime_s;
  out.mtime_ns = metadata.mtime_ns;
  out.links = inode.links;
  return out;
}

Result<std::uint64_t> Writer::Impl::WriteInode(const Inode& inode, const Metadata& metadata) {
  const DiskInode head = Encode(inode, metadata);
  const std::uint64_t offset = TRY(room.TakeRecord(sizeof head + inode.beside.size() + inode.tail.size()));
  TRY(records.Write(offset, BytesOf(head)));
  TRY(records.Write(offset + sizeof head, inode.beside));
  TRY(records.Write(offset + sizeof head + inode.beside.size(), inode.tail));
  return offset / kSlot;
}

void Writer::Impl::Named(Directory parent, std::string_view name, FileType type, std::uint64_t target,
                         bool whiteout) {
  Replace(parent, name);
  Name& made = names.Put(parent, name);
  made.type = type;
  made.target = target;
  made.whiteout = whiteout;
}

void Writer::Impl::Replace(Directory parent, std::string_view name) {
  const Name* there = names.Find(parent, name);
  if (there == nullptr) return;
  if (there->type == FileType::kDirectory) {
    DirectoryRecord& directory = directories[there->target];
    directory.there = false;
    directory.attributes = {};
  }
  names.Remove(parent, name);
}

Status Writer::Impl::AddSpecial(Directory parent, std::string_view name, const Metadata& metadata, FileType type,
                                std::uint32_t device) {
  TRY(CheckName(parent, name));
  const std::string beside = TRY(EncodeAttributes(metadata.attributes));
  Inode inode;
  inode.type = type;
  inode.where = device;
  inode.beside = beside;
  const std::uint64_t number = TRY(WriteInode(inode, metadata));
  Named(parent, name, type, number, /*whiteout=*/type == FileType::kCharDevice && device == 0);
  return Ok();
}

Writer::Writer(int file) : impl_(std::make_unique<Impl>(file)) {}
Writer::Writer(Writer&&) noexcept = default;
Writer& Writer::operator=(Writer&&) noexcept = default;
Writer::~Writer() = default;

std::optional<Writer::Entry> Writer::Find(Directory parent, std::string_view name) const {
  const Name* found = impl_->names.Find(parent, name);
  if (found == nullptr) return std::nullopt;
  Entry entry;
  entry.kind = KindOf(found->type);
  entry.whiteout = found->whiteout;
  if (entry.kind == Kind::kDirectory) entry.directory = static_cast<Directory>(found->target);
  return entry;
}

Result<Writer::Directory> Writer::AddDirectory(Directory parent, std::string_view name) {
  TRY(impl_->CheckName(parent, name));
  const auto number = static_cast<Directory>(impl_->directories.size());
  impl_->directories.emplace_back().parent = parent;
  impl_->Named(parent, name, FileType::kDirectory, number);
  return number;
}

Status Writer::AddFile(Directory parent, std::string_view name, const Metadata& metadata, std::uint64_t size,
                       const Content& content) {
  TRY(impl_->CheckName(parent, name));
  const std::string beside = TRY(EncodeAttributes(metadata.attributes));
  Body body(impl_->room, impl_->data, size, sizeof(DiskInode) + beside.size());
  while (true) {
    const Piece piece = TRY(content());
    if (piece.bytes.empty()) break;
    TRY(body.Write(piece.offset, piece.bytes));
  }
  TRY(body.Finish());
  Impl::Inode inode;
  inode.type = FileType::kRegular;
  inode.layout = body.layout();
  inode.size = size;
  inode.where = body.where();
  inode.beside = beside;
  inode.tail = body.tail();
  impl_->chunks = impl_->chunks || inode.layout == Layout::kChunks;
  const std::uint64_t number = TRY(impl_->WriteInode(inode, metadata));
  impl_->Named(parent, name, inode.type, number);
  return Ok();
}

Status Writer::AddSymlink(Directory parent, std::string_view name, const Metadata& metadata, std::string_view target) {
  if (target.size() > kMaxTarget) return Error::Errno(ENAMETOOLONG, "make a symbolic link");
  if (target.empty()) return Error::Errno(ENOENT, "make a symbolic link to nothing");
  TRY(impl_->CheckName(parent, name));
  const std::string beside = TRY(EncodeAttributes(metadata.attributes));
  Body body(impl_->room, impl_->data, target.size(), sizeof(DiskInode) + beside.size());
  TRY(body.Write(0, target));
  TRY(body.Finish());
  Impl::Inode inode;
  inode.type = FileType::kSymlink;
  inode.layout = body.layout();
  inode.size = target.size();
  inode.where = body.where();
  inode.beside = beside;
  inode.tail = body.tail();
  Metadata all = metadata;
  all.mode = 0777;
  const std::uint64_t number = TRY(impl_->WriteInode(inode, all));
  impl_->Named(parent, name, inode.type, number);
  return Ok();
}

Status Writer::AddDevice(Directory parent, std::string_view name, const Metadata& metadata, Kind kind, Device device) {
  return impl_->AddSpecial(parent, name, metadata, DeviceType(kind), EncodeDevice(device));
}

Status Writer::AddFifo(Directory parent, std::string_view name, const Metadata& metadata) {
  return impl_->AddSpecial(parent, name, metadata, FileType::kFifo, 0);
}

Status Writer::AddLink(Directory parent, std::string_view name, Directory target_parent, std::string_view target_name) {
  TRY(impl_->CheckName(parent, name));
  const Name* found = impl_->names.Find(target_parent, target_name);
  if (found == nullptr || found->type == FileType::kDirectory)
    return Error(Code::kNotFound, "there is no file '" + std::string(target_name) + "' to link to");
  const Name target = *found;
  impl_->linked.insert(target.target);
  impl_->Named(parent, name, target.type, target.target, target.whiteout);
  return Ok();
}

void Writer::Remove(Directory parent, std::string_view name) { impl_->Replace(parent, name); }

Status Writer::Describe(Directory directory, const Metadata& metadata) {
  DirectoryRecord& record = impl_->directories.at(directory);
  record.mode = static_cast<std::uint16_t>(metadata.mode & 07777U);
  record.uid = metadata.uid;
  record.gid = metadata.gid;
  record.mtime_s = metadata.mtime_s;
  record.mtime_ns = metadata.mtime_ns;
  for (const auto& [name, value] : metadata.attributes) TRY(SetAttribute(directory, name, value));
  return Ok();
}

Status Writer::SetAttribute(Directory directory, std::string_view name, std::string_view value) {
  DirectoryRecord& record = impl_->directories.at(directory);
  const auto name_of = [](const auto& one) -> std::string_view { return one.first; };
  auto found = std::ranges::find(record.attributes, name, name_of);
  if (found == record.attributes.end()) found = record.attributes.emplace(found, name, "");
  found->second = value;
  impl_->attribute_bytes += sizeof *found + name.size() + value.size();
  TRY(EncodeAttributes(record.attributes));
  return impl_->CheckMemory();
}

Status Writer::Flush() {
  TRY(impl_->data.Flush());
  return impl_->records.Flush();
}

// How many names an inode has in the end is known only now.
Status Writer::Impl::WriteLinkCounts() {
  std::unordered_map<std::uint64_t, std::uint32_t> counts;
  for (const Name& name : names.all()) {
    const bool counted = name.there && directories[name.parent].there && name.type != FileType::kDirectory;
    if (counted && linked.contains(name.target)) ++counts[name.target];
  }
  for (const std::uint64_t inode : linked) {
    const std::uint32_t count = counts[inode];
    if (count > 1) TRY(WriteFully(file, inode * kSlot + offsetof(DiskInode, links), BytesOf(count)));
  }
  return Ok();
}

Status Writer::Impl::WriteBlock0(std::string_view root, std::uint64_t blocks, std::string_view uuid) {
  SuperBlock super;
  super.root = static_cast<std::uint16_t>(kRootOffset / kSlot);
  super.inodes = inodes;
  super.blocks = static_cast<std::uint32_t>(blocks);
  super.feature_incompat = chunks ? kIncompatChunks : 0;
  std::memcpy(super.uuid, uuid.data(), std::min(uuid.size(), sizeof super.uuid));
  std::memcpy(super.volume_name, "estiba", 6);
  std::string block(kBlock, '\0');
  block.replace(kSuperOffset, sizeof super, BytesOf(super));
  block.replace(kRootOffset, root.size(), root);
  super.checksum = SuperChecksum(block);
  block.replace(kSuperOffset, sizeof super, BytesOf(super));
  return WriteFully(file, 0, block);
}

Status Writer::Finish(std::string_view uuid) {
  const std::string root = TRY(WriteDirectories(*impl_));
  TRY(Flush());
  TRY(impl_->WriteLinkCounts());
  const std::uint64_t blocks = impl_->room.Close();
  // Before block 0: an image without its superblock is none.
  if (::ftruncate(impl_->file, static_cast<off_t>(blocks * kBlock)) < 0)
    return Error::Errno(errno, "make the image " + std::to_string(blocks * kBlock) + " bytes long");
  return impl_->WriteBlock0(root, blocks, uuid);
}

}  // namespace estiba::erofs
