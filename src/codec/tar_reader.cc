#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>

#include "codec/tar.h"
#include "tar_access_lists.h"

namespace estiba::codec {
namespace {

struct FreeArchive {
  void operator()(archive* a) const noexcept { ::archive_read_free(a); }
};

Result<TarKind> KindOf(archive_entry* entry, const std::string& path) {
  if (::archive_entry_hardlink(entry) != nullptr) return TarKind::kHardlink;
  switch (::archive_entry_filetype(entry)) {
    case AE_IFREG: return TarKind::kFile;
    case AE_IFDIR: return TarKind::kDirectory;
    case AE_IFLNK: return TarKind::kSymlink;
    case AE_IFCHR: return TarKind::kCharDevice;
    case AE_IFBLK: return TarKind::kBlockDevice;
    case AE_IFIFO: return TarKind::kFifo;
    default: return Error(Code::kInvalidArgument, "archive entry '" + path + "' is of an unknown type");
  }
}

std::string Text(const char* text) { return text == nullptr ? std::string() : std::string(text); }

Result<std::uint32_t> Id(std::int64_t id, const char* what, const std::string& path) {
  // (uid_t)-1 means "leave it" to chown(2).
  if (id < 0 || id >= 0xFFFFFFFFLL)
    return Error(Code::kInvalidArgument,
                 "archive entry '" + path + "' has " + what + " " + std::to_string(id) + ", which is out of range");
  return static_cast<std::uint32_t>(id);
}

}  // namespace

struct TarReader::Impl {
  Impl(ByteSource from, const TarLimits& bounds) : source(std::move(from)), limits(bounds) {}

  // libarchive converts names to the locale's character set and keeps the bytes when it cannot. Programs of ours never
  // call setlocale(3), so it never can: every name arrives as it stands in the archive (a test holds us to that).
  Status Open() {
    handle.reset(::archive_read_new());
    if (handle == nullptr) return Error(Code::kResourceExhausted, "start reading an archive");
    ::archive_read_support_format_tar(handle.get());
    ::archive_read_support_format_empty(handle.get());
    if (::archive_read_open(handle.get(), this, nullptr, &Impl::Pull, nullptr) != ARCHIVE_OK)
      return Failure("open archive");
    return Ok();
  }

  static la_ssize_t Pull(archive*, void* self, const void** buffer) {
    auto* impl = static_cast<Impl*>(self);
    Result<std::string_view> piece = impl->source();
    if (!piece.ok()) {
      impl->source_error = std::make_unique<Error>(std::move(piece).error());
      return -1;
    }
    *buffer = piece->data();
    return static_cast<la_ssize_t>(piece->size());
  }

  Error Failure(const std::string& what) {
    if (source_error != nullptr) return std::move(*source_error);
    const std::string reason = Text(::archive_error_string(handle.get()));
    const bool cut = reason.find("runcated") != std::string::npos;
    return Error(cut ? Code::kDataLoss : Code::kInvalidArgument,
                 what + ": " + (reason.empty() ? "not a tar archive" : reason));
  }

  ByteSource source;
  TarLimits limits;
  std::unique_ptr<Error> source_error;
  std::unique_ptr<archive, FreeArchive> handle;
  std::uint64_t entries = 0;
  std::uint64_t total = 0;
  std::string path;  // of the current entry, for messages
};

namespace {

Status ReadAttributes(archive_entry* from, std::size_t limit, TarEntry& entry) {
  std::size_t total = 0;
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  ::archive_entry_xattr_reset(from);
  while (::archive_entry_xattr_next(from, &name, &value, &size) == ARCHIVE_OK) {
    total += size + 1;
    if (total > limit)
      return Error(Code::kResourceExhausted, "archive entry '" + entry.path + "' has too many extended attributes");
    entry.xattrs.emplace_back(Text(name), std::string(static_cast<const char*>(value), size));
  }
  return Ok();
}

Status Fill(archive_entry* from, const TarLimits& limits, TarEntry& entry) {
  entry = {};
  entry.path = Text(::archive_entry_pathname(from));
  if (entry.path.empty() || entry.path.size() > limits.max_path)
    return Error(Code::kInvalidArgument, "archive entry has a name of " + std::to_string(entry.path.size()) +
                                             " bytes; 1 to " + std::to_string(limits.max_path) + " are possible");
  entry.kind = TRY(KindOf(from, entry.path));
  if (entry.kind == TarKind::kHardlink) entry.link = Text(::archive_entry_hardlink(from));
  if (entry.kind == TarKind::kSymlink) entry.link = Text(::archive_entry_symlink(from));
  const bool is_link = entry.kind == TarKind::kHardlink || entry.kind == TarKind::kSymlink;
  if (is_link && (entry.link.empty() || entry.link.size() > limits.max_path))
    return Error(Code::kInvalidArgument,
                 "archive entry '" + entry.path + "' links to a name that is empty or too long");
  if (entry.kind == TarKind::kFile)
    entry.size = static_cast<std::uint64_t>(std::max<std::int64_t>(0, ::archive_entry_size(from)));
  entry.mode = ::archive_entry_perm(from) & 07777U;
  entry.uid = TRY(Id(::archive_entry_uid(from), "user id", entry.path));
  entry.gid = TRY(Id(::archive_entry_gid(from), "group id", entry.path));
  entry.mtime_s = ::archive_entry_mtime(from);
  entry.mtime_ns = ::archive_entry_mtime_nsec(from);
  entry.device_major = static_cast<std::uint32_t>(::archive_entry_rdevmajor(from));
  entry.device_minor = static_cast<std::uint32_t>(::archive_entry_rdevminor(from));
  TRY(ReadAttributes(from, limits.max_xattrs, entry));
  return AddAccessLists(from, limits.max_xattrs, entry);
}

}  // namespace

TarReader::TarReader(ByteSource source, const TarLimits& limits)
    : impl_(std::make_unique<Impl>(std::move(source), limits)) {}
TarReader::TarReader(TarReader&&) noexcept = default;
TarReader::~TarReader() = default;

Result<bool> TarReader::Next(TarEntry& entry) {
  if (impl_->handle == nullptr) TRY(impl_->Open());
  archive_entry* found = nullptr;
  const int code = ::archive_read_next_header(impl_->handle.get(), &found);
  if (code == ARCHIVE_EOF) return false;
  // A warning is about the conversion of a name (see Open) or an attribute of no meaning here.
  if (code != ARCHIVE_OK && code != ARCHIVE_WARN)
    return impl_->Failure(impl_->path.empty() ? "read archive" : "read archive after '" + impl_->path + "'");
  TRY(Fill(found, impl_->limits, entry));
  impl_->path = entry.path;
  if (++impl_->entries > impl_->limits.max_entries)
    return Error(Code::kResourceExhausted, "archive has more than " + std::to_string(impl_->limits.max_entries) +
                                               " entries (at '" + entry.path + "')");
  return true;
}

Result<TarReader::Chunk> TarReader::Read() {
  const void* bytes = nullptr;
  std::size_t size = 0;
  la_int64_t offset = 0;
  while (size == 0) {  // a block of nothing stands at the end of some sparse files
    const int code = ::archive_read_data_block(impl_->handle.get(), &bytes, &size, &offset);
    if (code == ARCHIVE_EOF) return Chunk{};
    if (code != ARCHIVE_OK && code != ARCHIVE_WARN) return impl_->Failure("read archive entry '" + impl_->path + "'");
  }
  impl_->total += size;
  if (impl_->total > impl_->limits.max_total)
    return Error(Code::kResourceExhausted, "archive unpacks to more than " + std::to_string(impl_->limits.max_total) +
                                               " bytes (at '" + impl_->path + "')");
  return Chunk{static_cast<std::uint64_t>(offset), {static_cast<const char*>(bytes), size}};
}

Result<std::string> TarReader::ReadAll(std::size_t limit) {
  std::string content;
  while (true) {
    const Chunk chunk = TRY(Read());
    if (chunk.bytes.empty()) return content;
    if (chunk.offset > limit || chunk.bytes.size() > limit - chunk.offset)
      return Error(Code::kResourceExhausted,
                   "archive entry '" + impl_->path + "' is larger than " + std::to_string(limit) + " bytes");
    content.resize(static_cast<std::size_t>(chunk.offset));
    content.append(chunk.bytes);
  }
}

}  // namespace estiba::codec
