#include "tests/model.h"

#include <algorithm>
#include <cerrno>
#include <functional>
#include <set>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/text.h"
#include "codec/crc32.h"
#include "os/file.h"

namespace estiba::erofs {
namespace {

constexpr std::uint64_t kReadWhole = 1U << 20;

std::string Join(const std::string& parent, std::string_view name) {
  return parent.empty() ? std::string(name) : parent + "/" + std::string(name);
}

std::string Line(Kind kind, const Metadata& metadata, std::uint64_t size, std::uint32_t links, Device device,
                 const std::string& target, std::uint32_t checksum) {
  std::string out = "kind " + std::to_string(static_cast<int>(kind)) + " mode " + std::to_string(metadata.mode) +
                    " owner " + std::to_string(metadata.uid) + ":" + std::to_string(metadata.gid) + " time " +
                    std::to_string(metadata.mtime_s) + "." + std::to_string(metadata.mtime_ns) + " links " +
                    std::to_string(links) + " device " + std::to_string(device.major) + ":" +
                    std::to_string(device.minor) + " target '" + target + "'";
  if (kind == Kind::kFile) out += " size " + std::to_string(size) + " bytes " + std::to_string(checksum);
  std::map<std::string, std::string> sorted(metadata.attributes.begin(), metadata.attributes.end());
  for (const auto& [name, value] : sorted) out += " " + name + "=" + std::to_string(codec::Crc32c(value));
  return out;
}

// Says of each path which is the first of those that are the same inode.
template <typename Id>
void AddGroups(const std::map<std::string, Id>& ids, Listing& listing) {
  std::map<Id, std::string> first;
  for (const auto& [path, id] : ids) first.try_emplace(id, path);
  for (const auto& [path, id] : ids) listing[path] += " of '" + first[id] + "'";
}

// The bytes a file shows: whole when small, else around its pieces.
std::vector<std::pair<std::uint64_t, std::uint64_t>> Samples(const ModelNode& node) {
  if (node.size <= kReadWhole) return {{0, node.size}};
  std::vector<std::pair<std::uint64_t, std::uint64_t>> out;
  for (const auto& [offset, bytes] : node.pieces) {
    const std::uint64_t begin = offset < 100 ? 0 : offset - 100;
    out.emplace_back(begin, std::min(node.size, offset + bytes.size() + 100) - begin);
  }
  out.emplace_back(node.size - 100, 100);
  return out;
}

using ReadAt = std::function<Result<std::string>(std::uint64_t offset, std::uint64_t size)>;

Result<std::uint32_t> Checksum(const ModelNode& node, const ReadAt& read) {
  std::uint32_t sum = 0;
  for (const auto& [offset, size] : Samples(node)) {
    const std::string bytes = TRY(read(offset, size));
    sum = codec::Crc32c(bytes, sum);
  }
  return sum;
}

Result<std::string> ReadModel(const ModelNode& node, std::uint64_t offset, std::uint64_t size) {
  std::string out(size, '\0');
  for (const auto& [at, bytes] : node.pieces) {
    for (std::uint64_t i = 0; i < bytes.size(); ++i) {
      if (at + i >= offset && at + i < offset + size) out[at + i - offset] = bytes[i];
    }
  }
  return out;
}

Result<std::string> ReadReader(const Reader& reader, Reader::Number number, std::uint64_t offset, std::uint64_t size) {
  std::string out(size, '\0');
  std::string buffer;
  std::uint64_t at = offset;
  while (at < offset + size) {
    const Piece piece = TRY(reader.Read(number, at, buffer, offset + size - at));
    if (piece.bytes.empty() || piece.offset >= offset + size) break;
    if (piece.offset < at) return Error(Code::kInternal, "a piece before what was asked");
    const std::string_view inside = piece.bytes.substr(0, offset + size - piece.offset);
    out.replace(piece.offset - offset, inside.size(), inside);
    at = piece.offset + inside.size();
  }
  return out;
}

Kind KindOf(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR: return Kind::kDirectory;
    case S_IFLNK: return Kind::kSymlink;
    case S_IFCHR: return Kind::kCharDevice;
    case S_IFBLK: return Kind::kBlockDevice;
    case S_IFIFO: return Kind::kFifo;
    default: return Kind::kFile;
  }
}

Result<Attributes> MountedAttributes(const std::string& path) {
  Attributes out;
  std::string names(1U << 16, '\0');
  const ssize_t size = ::llistxattr(path.c_str(), names.data(), names.size());
  if (size < 0) return Error::Errno(errno, "list attributes of '" + path + "'");
  names.resize(static_cast<std::size_t>(size));
  for (const std::string& name : Split(names, '\0')) {
    if (name.empty()) continue;
    std::string value(1U << 16, '\0');
    const ssize_t length = ::lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
    if (length < 0) return Error::Errno(errno, "attribute '" + name + "' of '" + path + "'");
    out.emplace_back(name, value.substr(0, static_cast<std::size_t>(length)));
  }
  return out;
}

class MountedLister {
 public:
  MountedLister(os::DirFd root, const Model& model) : root_(root), model_(model) {}

  Result<Listing> Run() {
    TRY(Add(""));
    AddGroups(ids_, out_);
    return std::move(out_);
  }

 private:
  Status Add(const std::string& path) {
    // A detached mount has no path but this.
    const std::string full = "/proc/self/fd/" + std::to_string(root_.fd) + (path.empty() ? "/." : "/" + path);
    struct stat info {};
    if (::lstat(full.c_str(), &info) < 0) return Error::Errno(errno, "stat '" + path + "'");
    Metadata metadata;
    metadata.mode = info.st_mode & 07777U;
    metadata.uid = info.st_uid;
    metadata.gid = info.st_gid;
    metadata.mtime_s = info.st_mtim.tv_sec;
    metadata.mtime_ns = static_cast<std::uint32_t>(info.st_mtim.tv_nsec);
    metadata.attributes = TRY(MountedAttributes(full));
    const Kind kind = KindOf(info.st_mode);
    const bool device = kind == Kind::kCharDevice || kind == Kind::kBlockDevice;
    const std::string target = kind == Kind::kSymlink ? TRY(os::ReadLink(full)) : "";
    std::uint32_t sum = 0;
    if (kind == Kind::kFile && model_.contains(path)) sum = TRY(Sum(full, model_.at(path)));
    ids_[path] = info.st_ino;
    out_[path] = Line(kind, metadata, static_cast<std::uint64_t>(info.st_size),
                      static_cast<std::uint32_t>(info.st_nlink),
                      device ? Device{::major(info.st_rdev), ::minor(info.st_rdev)} : Device{}, target, sum);
    if (kind != Kind::kDirectory) return Ok();
    std::vector<std::string> names = TRY(os::ListDirectory({AT_FDCWD}, full));
    std::ranges::sort(names);
    for (const std::string& name : names) TRY(Add(Join(path, name)));
    return Ok();
  }

  static Result<std::uint32_t> Sum(const std::string& full, const ModelNode& node) {
    const os::UniqueFd file = TRY(os::OpenAt({AT_FDCWD}, full, O_RDONLY));
    return Checksum(node, [&](std::uint64_t offset, std::uint64_t size) -> Result<std::string> {
      std::string bytes(size, '\0');
      const ssize_t n = ::pread(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (n < 0) return Error::Errno(errno, "read '" + full + "'");
      bytes.resize(static_cast<std::size_t>(n));
      return bytes;
    });
  }

  os::DirFd root_;
  const Model& model_;
  Listing out_;
  std::map<std::string, ino_t> ids_;
};

class ReadLister {
 public:
  ReadLister(const Reader& reader, const Model& model) : reader_(reader), model_(model) {}

  Result<Listing> Run() {
    TRY(Add("", reader_.root()));
    AddGroups(ids_, out_);
    return std::move(out_);
  }

 private:
  Status Add(const std::string& path, Reader::Number number) {
    Reader::Inode inode = TRY(reader_.Get(number));
    inode.metadata.attributes = TRY(reader_.AttributesOf(number));
    const std::string target = inode.kind == Kind::kSymlink ? TRY(reader_.LinkOf(number)) : "";
    std::uint32_t sum = 0;
    if (inode.kind == Kind::kFile && model_.contains(path)) {
      const ReadAt read = [&](std::uint64_t offset, std::uint64_t size) {
        return ReadReader(reader_, number, offset, size);
      };
      sum = TRY(Checksum(model_.at(path), read));
    }
    ids_[path] = number;
    out_[path] = Line(inode.kind, inode.metadata, inode.size, inode.links, inode.device, target, sum);
    if (inode.kind != Kind::kDirectory) return Ok();
    std::vector<std::pair<std::string, Reader::Number>> below;
    TRY(reader_.List(number, [&](std::string_view name, Reader::Number child, Kind) -> Status {
      const auto found = reader_.Find(number, name);
      if (!found.ok() || *found != child)
        return Error(Code::kInternal, "'" + std::string(name) + "' is listed but not found");
      below.emplace_back(name, child);
      return Ok();
    }));
    for (const auto& [name, child] : below) TRY(Add(Join(path, name), child));
    return Ok();
  }

  const Reader& reader_;
  const Model& model_;
  Listing out_;
  std::map<std::string, Reader::Number> ids_;
};

}  // namespace

Listing ListModel(const Model& model) {
  Listing out;
  std::map<std::string, std::uint64_t> ids;
  for (const auto& [path, node] : model) {
    std::uint32_t links = node.links;
    if (node.kind == Kind::kDirectory) {
      links = 2;
      for (const auto& [other, below] : model) {
        const bool inside = path.empty() ? !other.empty() : other.starts_with(path + "/");
        const std::size_t skip = path.empty() ? 0 : std::min(other.size(), path.size() + 1);
        const std::string_view rest = std::string_view(other).substr(skip);
        if (inside && below.kind == Kind::kDirectory && rest.find('/') == std::string_view::npos) ++links;
      }
    }
    const auto sum = Checksum(node, [&](std::uint64_t offset, std::uint64_t size) {
      return ReadModel(node, offset, size);
    });
    out[path] = Line(node.kind, node.metadata, node.size, links, node.device, node.target,
                     node.kind == Kind::kFile ? sum.value() : 0);
    ids[path] = node.id;
  }
  AddGroups(ids, out);
  return out;
}

std::string Difference(const Listing& found, const Listing& wanted) {
  for (const auto& [path, line] : wanted) {
    const auto there = found.find(path);
    if (there == found.end()) return "'" + path + "' is missing: " + line;
    if (there->second != line) return "'" + path + "' is " + there->second + "\n  and should be " + line;
  }
  for (const auto& [path, line] : found) {
    if (!wanted.contains(path)) return "'" + path + "' is too much: " + line;
  }
  return "";
}

Result<Listing> ListMounted(os::DirFd root, const Model& model) { return MountedLister(root, model).Run(); }
Result<Listing> ListRead(const Reader& reader, const Model& model) { return ReadLister(reader, model).Run(); }

}  // namespace estiba::erofs
