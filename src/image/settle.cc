#include <map>
#include <optional>

#include "image/unpack.h"
#include "os/attributes.h"
#include "tree.h"

namespace estiba::image {
namespace {

using codec::TarKind;

Result<std::optional<Below>> LookBelow(const std::vector<const Lower*>& lowers, const std::string& path) {
  for (const Lower* lower : lowers) {
    Below found;
    const Lower::Look look = TRY(lower->Find(path, &found));
    if (look == Lower::Look::kHidden) break;
    if (look == Lower::Look::kAbsent) continue;
    std::erase_if(found.entry.xattrs, [](const auto& attribute) { return os::IsOverlayAttribute(attribute.first); });
    return std::optional<Below>(std::move(found));
  }
  return std::optional<Below>();
}

class Settler {
 public:
  Settler(Destination& to, const std::vector<const Lower*>& lowers, std::uint64_t max_bytes)
      : to_(to), lowers_(lowers), max_bytes_(max_bytes) {}

  Status Link(const OpenLink& link) {
    const Node there = TRY(to_.Look(link.target));
    if (there == Node::kDirectory)
      return Error(Code::kInvalidArgument, "the target is a directory");
    // An earlier link brought it, or an entry that came later in the archive.
    if (there != Node::kAbsent && there != Node::kWhiteout) return to_.AddHardlink(link.path, link.target);
    std::optional<Below> found = TRY(LookBelow(lowers_, link.target));
    if (!found || found->entry.kind != TarKind::kFile)
      return Error(Code::kInvalidArgument, "there is no such file in the image");
    if (there == Node::kWhiteout) return CopyUp(*found, link.path);  // deleted by this layer, but for the link
    TRY(CopyUp(*found, link.target));
    return to_.AddHardlink(link.path, link.target);
  }

  Status Directory(const std::string& path) {
    const std::optional<Below> found = TRY(LookBelow(lowers_, path));
    if (!found) return Ok();
    if (found->entry.kind == TarKind::kSymlink)
      return Error(Code::kInvalidArgument, "the layer has entries below '" + path +
                                               "', which is a symbolic link in a lower layer; this is not supported");
    if (found->entry.kind != TarKind::kDirectory) return Ok();  // replaced by a directory, as the layer says
    const Node ours = TRY(to_.Look(path));
    if (ours != Node::kDirectory) return Ok();  // a later entry replaced it
    return TRY_CTX(to_.AddDirectory(path, found->entry), "'" + path + "'");
  }

  std::uint64_t copied() const { return copied_; }

 private:
  Status CopyUp(Below& found, const std::string& path) {
    const Content counted = [&]() -> Result<codec::TarReader::Chunk> {
      auto chunk = found.content();
      if (!chunk.ok()) return chunk;
      if (chunk->bytes.size() > max_bytes_ - copied_)
        return Error(Code::kResourceExhausted,
                     "the layer would copy more from those below it than one of its size may");
      copied_ += chunk->bytes.size();
      return chunk;
    };
    return to_.AddFile(path, found.entry, counted);
  }

  Destination& to_;
  const std::vector<const Lower*>& lowers_;
  const std::uint64_t max_bytes_;
  std::uint64_t copied_ = 0;
};

// Those that no later entry of the archive replaced.
Result<std::vector<const OpenLink*>> StandingLinks(Destination& to, const std::vector<OpenLink>& links) {
  std::map<std::string_view, const OpenLink*> last;
  for (const OpenLink& link : links) last[link.path] = &link;
  std::vector<const OpenLink*> standing;
  for (const OpenLink& link : links) {
    const Node there = TRY_CTX(to.Look(link.path), "hard link '" + link.path + "'");
    const bool replaced = there != Node::kAbsent && there != Node::kWhiteout;
    if (!replaced && last[link.path] == &link) standing.push_back(&link);
  }
  return standing;
}

}  // namespace

Result<std::uint64_t> SettleLayer(Destination& to, const std::vector<const Lower*>& lowers, const Unpacked& unpacked,
                                  std::uint64_t max_bytes) {
  Settler settler(to, lowers, max_bytes);
  const std::vector<const OpenLink*> links = TRY(StandingLinks(to, unpacked.links));
  for (const OpenLink* link : links)
    TRY_CTX(settler.Link(*link), "hard link '" + link->path + "' to '" + link->target + "'");
  // Links have implied more of them.
  for (const std::string& path : to.Implied()) TRY(settler.Directory(path));
  return settler.copied();
}

}  // namespace estiba::image
