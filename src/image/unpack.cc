#include "image/unpack.h"

#include "os/attributes.h"
#include "tree.h"

namespace estiba::image {
namespace {

using codec::TarEntry;
using codec::TarKind;

constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";
constexpr std::string_view kAufsMetadata = ".wh..wh.";
constexpr std::size_t kMaxOpenLinks = 100'000;

std::string Where(const TarEntry& entry) { return "unpack '" + entry.path + "'"; }

Error Refused(const TarEntry& entry, const std::string& why) {
  return Error(Code::kInvalidArgument, "archive entry '" + entry.path + "' " + why);
}

class Unpacker {
 public:
  Unpacker(Destination& to, const UnpackOptions& options, codec::ByteSource source)
      : to_(to), plain_(options.plain), admit_(options.admit), reader_(std::move(source), options.limits),
        content_([this] { return NextBytes(); }) {}

  Result<Unpacked> Run() {
    TarEntry entry;
    while (true) {
      const bool more = TRY(reader_.Next(entry));
      if (!more) break;
      if (!plain_)
        std::erase_if(entry.xattrs, [](const auto& attribute) { return os::IsOverlayAttribute(attribute.first); });
      bool admitted = true;
      if (admit_) admitted = TRY(admit_(entry));
      if (admitted) TRY(Place(entry));
    }
    TRY(to_.Pause());
    out_.implied = to_.Implied();
    return std::move(out_);
  }

 private:
  Result<codec::TarReader::Chunk> NextBytes() {
    auto chunk = reader_.Read();
    if (!chunk.ok() || chunk->bytes.empty()) return chunk;
    if (chunk->offset < end_ || chunk->offset > size_ || chunk->bytes.size() > size_ - chunk->offset)
      return Error(Code::kInvalidArgument, "its pieces do not fit into its " + std::to_string(size_) + " bytes");
    end_ = chunk->offset + chunk->bytes.size();
    out_.bytes += chunk->bytes.size();
    return chunk;
  }

  Status Place(const TarEntry& entry) {
    const std::string path = TRY(CleanPath(entry.path));
    if (path.empty() && entry.kind != TarKind::kDirectory)
      return Error(Code::kInvalidArgument, "archive entry '" + entry.path + "' would replace the root directory");
    const SplitPath split = SplitLast(path);
    if (!plain_ && split.name.starts_with(kWhiteout)) return TRY_CTX(PlaceWhiteout(entry, path, split), Where(entry));
    switch (entry.kind) {
      case TarKind::kFile:
        size_ = entry.size;
        end_ = 0;
        return TRY_CTX(to_.AddFile(path, entry, content_), Where(entry));
      case TarKind::kDirectory: return TRY_CTX(to_.AddDirectory(path, entry), Where(entry));
      case TarKind::kSymlink: return TRY_CTX(to_.AddSymlink(path, entry), Where(entry));
      case TarKind::kHardlink: return PlaceHardlink(entry, path);
      case TarKind::kCharDevice:
      case TarKind::kBlockDevice:
      case TarKind::kFifo: return TRY_CTX(to_.AddNode(path, entry), Where(entry));
    }
    return Ok();
  }

  Status PlaceWhiteout(const TarEntry& entry, const std::string& path, const SplitPath& split) {
    if (split.name == kWhiteout) return Refused(entry, "hides nothing");
    if (split.name.starts_with(kAufsMetadata) && split.name != kOpaque) return Ok();
    TRY(to_.MakeParents(path));
    if (split.name == kOpaque) return to_.MakeOpaque(split.parent);
    const std::string name = split.name.substr(kWhiteout.size());
    if (name == "." || name == "..") return Refused(entry, "hides a directory it is in");
    const std::string hidden = split.parent.empty() ? name : split.parent + "/" + name;
    // Whiteouts are about lower layers, wherever they stand: what this layer brings stays.
    const Node there = TRY(to_.Look(hidden));
    if (there == Node::kDirectory) return to_.MakeOpaque(hidden);
    return there == Node::kAbsent ? to_.AddWhiteout(hidden) : Ok();
  }

  Status PlaceHardlink(const TarEntry& entry, const std::string& path) {
    const std::string context = "hard link '" + entry.path + "' to '" + entry.link + "'";
    const std::string target = TRY_CTX(CleanPath(entry.link), "hard link '" + entry.path + "'");
    if (target == path) return Ok();  // some writers link a file to itself
    if (target.empty()) return Refused(entry, "is a hard link to a directory");
    if (target.starts_with(path + "/")) return Refused(entry, "is a hard link to '" + entry.link + "', below itself");
    switch (TRY_CTX(to_.Look(target), context)) {
      case Node::kAbsent:
        if (plain_) return Refused(entry, "is a hard link to '" + entry.link + "', which is not there");
        return RememberLink(path, target, context);
      case Node::kWhiteout:
        if (plain_) return TRY_CTX(to_.AddHardlink(path, target), context);
        return Refused(entry, "is a hard link to '" + entry.link + "', which is deleted");
      case Node::kDirectory: return Refused(entry, "is a hard link to '" + entry.link + "', a directory");
      case Node::kFile:
      case Node::kSymlink:
      case Node::kOther: return TRY_CTX(to_.AddHardlink(path, target), context);
    }
    return Ok();
  }

  Status RememberLink(const std::string& path, const std::string& target, const std::string& context) {
    TRY_CTX(to_.MakeParents(path), context);
    TRY_CTX(to_.Remove(path), context);  // of two entries the later wins
    if (out_.links.size() >= kMaxOpenLinks)
      return Error(Code::kResourceExhausted,
                   "archive has too many hard links to files of other layers (at '" + path + "')");
    out_.links.push_back({path, target});
    return Ok();
  }

  Destination& to_;
  const bool plain_;
  const std::function<Result<bool>(TarEntry&)>& admit_;
  codec::TarReader reader_;
  Content content_;
  std::uint64_t size_ = 0;  // of the file that is being read
  std::uint64_t end_ = 0;   // of what came of it
  Unpacked out_;
};

}  // namespace

Result<Unpacked> UnpackLayer(Destination& to, codec::ByteSource source, const UnpackOptions& options) {
  return Unpacker(to, options, std::move(source)).Run();
}

}  // namespace estiba::image
