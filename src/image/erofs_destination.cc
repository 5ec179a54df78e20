// A layer as an EROFS image.

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "erofs/writer.h"
#include "image/unpack.h"
#include "tree.h"

namespace estiba::image {
namespace {

using codec::TarEntry;
using codec::TarKind;
using erofs::Kind;
using erofs::Writer;

constexpr const char* kOpaque = "trusted.overlay.opaque";
constexpr std::size_t kMaxImplied = 100'000;  // as a directory's

erofs::Metadata MetadataOf(const TarEntry& entry, bool with_attributes) {
  erofs::Metadata out;
  out.mode = entry.mode;
  out.uid = entry.uid;
  out.gid = entry.gid;
  out.mtime_s = entry.mtime_s;
  out.mtime_ns = static_cast<std::uint32_t>(std::clamp<std::int64_t>(entry.mtime_ns, 0, 999'999'999));
  if (!with_attributes) return out;
  // What means nothing to the kernel is left out, as a file system does.
  std::ranges::copy_if(entry.xattrs, std::back_inserter(out.attributes),
                       [](const auto& attribute) { return erofs::IsAttributeName(attribute.first); });
  return out;
}

// The image's identity: a version 8 UUID (RFC 9562) of the diff id's first bytes.
std::string UuidOf(const std::string& diff_id) {
  const std::size_t colon = diff_id.find(':');
  const std::string hex = colon == std::string::npos ? diff_id : diff_id.substr(colon + 1);
  std::string uuid(16, '\0');
  for (std::size_t i = 0; i < uuid.size() && 2 * i + 1 < hex.size(); ++i)
    uuid[i] = static_cast<char>(std::strtoul(hex.substr(2 * i, 2).c_str(), nullptr, 16));
  uuid[6] = static_cast<char>((uuid[6] & 0x0F) | 0x80);
  uuid[8] = static_cast<char>((uuid[8] & 0x3F) | 0x80);
  return uuid;
}

Error Refused(std::string_view path, const char* why) {
  return Error(Code::kInvalidArgument, "archive entry '" + std::string(path) + "' " + why);
}

class ErofsDestination final : public Destination {
 public:
  explicit ErofsDestination(int file) : writer_(file) {}

  Result<Node> Look(const std::string& path) override {
    if (path.empty()) return Node::kDirectory;
    const SplitPath split = SplitLast(path);
    const std::optional<Writer::Directory> parent = TRY(Find(split.parent));
    if (!parent) return Node::kAbsent;
    const auto found = writer_.Find(*parent, split.name);
    return found ? NodeOf(*found) : Node::kAbsent;
  }

  Status MakeParents(const std::string& path) override {
    TRY(Parent(SplitLast(path).parent));
    return Ok();
  }

  Status AddFile(const std::string& path, const TarEntry& entry, const Content& content) override {
    const SplitPath split = SplitLast(path);
    const Writer::Directory parent = TRY(Parent(split.parent));
    const erofs::Content pieces = [&content]() -> Result<erofs::Piece> {
      const codec::TarReader::Chunk chunk = TRY(content());
      return erofs::Piece{chunk.offset, chunk.bytes};
    };
    TRY(writer_.AddFile(parent, split.name, MetadataOf(entry, /*with_attributes=*/true), entry.size, pieces));
    Forget(path);
    return Ok();
  }

  Status AddSymlink(const std::string& path, const TarEntry& entry) override {
    const SplitPath split = SplitLast(path);
    const Writer::Directory parent = TRY(Parent(split.parent));
    TRY(writer_.AddSymlink(parent, split.name, MetadataOf(entry, /*with_attributes=*/false), entry.link));
    Forget(path);
    return Ok();
  }

  Status AddNode(const std::string& path, const TarEntry& entry) override {
    const SplitPath split = SplitLast(path);
    const Writer::Directory parent = TRY(Parent(split.parent));
    const erofs::Metadata metadata = MetadataOf(entry, /*with_attributes=*/false);
    const erofs::Device device{entry.device_major, entry.device_minor};
    const Kind kind = entry.kind == TarKind::kCharDevice ? Kind::kCharDevice : Kind::kBlockDevice;
    TRY(entry.kind == TarKind::kFifo ? writer_.AddFifo(parent, split.name, metadata)
                                     : writer_.AddDevice(parent, split.name, metadata, kind, device));
    Forget(path);
    return Ok();
  }

  Status AddHardlink(const std::string& path, const std::string& target) override {
    const SplitPath from = SplitLast(target);
    const SplitPath at = SplitLast(path);
    const std::optional<Writer::Directory> holder = TRY(Find(from.parent));
    if (!holder) return Error(Code::kNotFound, "link it to '" + target + "'");
    const Writer::Directory parent = TRY(Parent(at.parent));
    TRY(writer_.AddLink(parent, at.name, *holder, from.name));
    Forget(path);
    return Ok();
  }

  Status AddDirectory(const std::string& path, const TarEntry& entry) override {
    const Writer::Directory directory = path.empty() ? Writer::kRoot : TRY(DirectoryAt(path));
    implied_.erase(path);
    return writer_.Describe(directory, MetadataOf(entry, /*with_attributes=*/true));
  }

  Status AddWhiteout(const std::string& path) override {
    const SplitPath split = SplitLast(path);
    const Writer::Directory parent = TRY(Parent(split.parent));
    return writer_.AddDevice(parent, split.name, {}, Kind::kCharDevice, {});
  }

  Status MakeOpaque(const std::string& path) override {
    const std::optional<Writer::Directory> directory = TRY(Find(path));
    if (!directory) return Error(Code::kNotFound, "mark '" + path + "' as opaque");
    return writer_.SetAttribute(*directory, kOpaque, "y");
  }

  Status Remove(const std::string& path) override {
    const SplitPath split = SplitLast(path);
    const Writer::Directory parent = TRY(Parent(split.parent));
    writer_.Remove(parent, split.name);
    Forget(path);
    return Ok();
  }

  std::vector<std::string> Implied() const override { return {implied_.begin(), implied_.end()}; }
  Status Pause() override { return writer_.Flush(); }
  Status Finish(const std::string& diff_id) override { return writer_.Finish(UuidOf(diff_id)); }

 private:
  static Node NodeOf(const Writer::Entry& entry) {
    if (entry.whiteout) return Node::kWhiteout;
    switch (entry.kind) {
      case Kind::kFile: return Node::kFile;
      case Kind::kDirectory: return Node::kDirectory;
      case Kind::kSymlink: return Node::kSymlink;
      case Kind::kCharDevice:
      case Kind::kBlockDevice:
      case Kind::kFifo: return Node::kOther;
    }
    return Node::kOther;
  }

  static Error NoDirectory(const std::string& path, const Writer::Entry& entry) {
    return entry.kind == Kind::kSymlink ? Refused(path, "is a symbolic link that another entry passes through")
                                        : Refused(path, "is no directory, but another entry is below it");
  }

  // Nothing is made; a whiteout on the way is no directory either.
  Result<std::optional<Writer::Directory>> Find(const std::string& path) {
    if (path == last_path_) return std::optional<Writer::Directory>(last_);
    Writer::Directory here = Writer::kRoot;
    std::string walked;
    for (const std::string& name : Split(path, '/')) {
      if (name.empty()) continue;
      walked += (walked.empty() ? "" : "/") + name;
      const auto entry = writer_.Find(here, name);
      if (!entry) return std::optional<Writer::Directory>();
      if (entry->kind != Kind::kDirectory) return NoDirectory(walked, *entry);
      here = entry->directory;
    }
    return std::optional<Writer::Directory>(here);
  }

  // The directory an entry goes into; missing ones are made. Most entries come beside the one before.
  Result<Writer::Directory> Parent(const std::string& path) {
    if (path == last_path_) return last_;
    Writer::Directory here = Writer::kRoot;
    std::string walked;
    for (const std::string& name : Split(path, '/')) {
      if (name.empty()) continue;
      walked += (walked.empty() ? "" : "/") + name;
      here = TRY(Enter(here, name, walked));
    }
    last_path_ = path;
    last_ = here;
    return here;
  }

  Result<Writer::Directory> Enter(Writer::Directory parent, const std::string& name, const std::string& path) {
    const auto entry = writer_.Find(parent, name);
    if (entry && entry->kind == Kind::kDirectory) return entry->directory;
    if (entry && !entry->whiteout) return NoDirectory(path, *entry);
    const Writer::Directory made = TRY(writer_.AddDirectory(parent, name));
    if (implied_.size() >= kMaxImplied)
      return Error(Code::kResourceExhausted,
                   "archive has too many directories it does not describe (at '" + path + "')");
    implied_.insert(path);
    if (entry) TRY(writer_.SetAttribute(made, kOpaque, "y"));
    return made;
  }

  // One that the archive describes: it may be there, or something else in its place.
  Result<Writer::Directory> DirectoryAt(const std::string& path) {
    const SplitPath split = SplitLast(path);
    const Writer::Directory parent = TRY(Parent(split.parent));
    const auto entry = writer_.Find(parent, split.name);
    if (entry && entry->kind == Kind::kDirectory) return entry->directory;
    const Writer::Directory made = TRY(writer_.AddDirectory(parent, split.name));
    if (entry && entry->whiteout) TRY(writer_.SetAttribute(made, kOpaque, "y"));
    return made;
  }

  // Something replaced what was at the path: perhaps the directory of the last entries, and implied ones.
  void Forget(const std::string& path) {
    const std::string below = path + "/";
    if (last_path_ == path || last_path_.starts_with(below)) {
      last_path_.clear();
      last_ = Writer::kRoot;
    }
    implied_.erase(path);
    auto it = implied_.lower_bound(below);
    while (it != implied_.end() && it->starts_with(below)) it = implied_.erase(it);
  }

  Writer writer_;
  std::string last_path_;  // of last_
  Writer::Directory last_ = Writer::kRoot;
  std::set<std::string> implied_;
};

}  // namespace

std::unique_ptr<Destination> MakeErofsDestination(int file) { return std::make_unique<ErofsDestination>(file); }

}  // namespace estiba::image
