// A layer that is an EROFS image, read for those above it.

#include "base/text.h"
#include "erofs/reader.h"
#include "image/unpack.h"

namespace estiba::image {
namespace {

using codec::TarKind;
using erofs::Kind;
using erofs::Reader;

constexpr std::size_t kPiece = 256U << 10;

TarKind KindOf(Kind kind) {
  switch (kind) {
    case Kind::kFile: return TarKind::kFile;
    case Kind::kDirectory: return TarKind::kDirectory;
    case Kind::kSymlink: return TarKind::kSymlink;
    case Kind::kCharDevice: return TarKind::kCharDevice;
    case Kind::kBlockDevice: return TarKind::kBlockDevice;
    case Kind::kFifo: return TarKind::kFifo;
  }
  return TarKind::kFile;
}

bool IsWhiteout(const Reader::Inode& inode) {
  return inode.kind == Kind::kCharDevice && inode.device.major == 0 && inode.device.minor == 0;
}

class ErofsLower final : public Lower {
 public:
  explicit ErofsLower(Reader reader) : reader_(std::move(reader)) {}

  Result<Look> Find(const std::string& path, Below* out) const override {
    Reader::Inode here = TRY(reader_.Get(reader_.root()));
    bool opaque = false;
    for (const std::string& name : Split(path, '/')) {
      if (name.empty()) continue;
      if (here.kind != Kind::kDirectory) return Look::kHidden;
      const std::optional<Reader::Number> next = TRY(reader_.Find(here.number, name));
      if (!next) return opaque ? Look::kHidden : Look::kAbsent;
      here = TRY(reader_.Get(*next));
      if (IsWhiteout(here)) return Look::kHidden;
      opaque = opaque || TRY(IsOpaque(here));
    }
    TRY(Describe(here, path, out));
    return Look::kFound;
  }

 private:
  Result<bool> IsOpaque(const Reader::Inode& inode) const {
    if (inode.kind != Kind::kDirectory) return false;
    const std::optional<std::string> value = TRY(reader_.AttributeOf(inode.number, "trusted.overlay.opaque"));
    return value == "y";
  }

  Status Describe(const Reader::Inode& inode, const std::string& path, Below* out) const {
    codec::TarEntry& entry = out->entry;
    entry = {};
    out->content = nullptr;
    entry.path = path;
    entry.kind = KindOf(inode.kind);
    entry.mode = inode.metadata.mode;
    entry.uid = inode.metadata.uid;
    entry.gid = inode.metadata.gid;
    entry.mtime_s = inode.metadata.mtime_s;
    entry.mtime_ns = inode.metadata.mtime_ns;
    entry.device_major = inode.device.major;
    entry.device_minor = inode.device.minor;
    entry.xattrs = TRY(reader_.AttributesOf(inode.number));
    if (inode.kind != Kind::kFile) return Ok();
    entry.size = inode.size;
    out->content = [this, number = inode.number, at = std::uint64_t{0},
                    buffer = std::string()]() mutable -> Result<codec::TarReader::Chunk> {
      const erofs::Piece piece = TRY(reader_.Read(number, at, buffer, kPiece));
      at = piece.offset + piece.bytes.size();
      return codec::TarReader::Chunk{piece.offset, piece.bytes};
    };
    return Ok();
  }

  Reader reader_;
};

}  // namespace

Result<std::unique_ptr<Lower>> MakeErofsLower(int file) {
  Reader reader = TRY(Reader::Open(file));
  return std::unique_ptr<Lower>(std::make_unique<ErofsLower>(std::move(reader)));
}

}  // namespace estiba::image
