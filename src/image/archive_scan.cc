#include "archive_scan.h"

#include <array>
#include <cerrno>
#include <thread>
#include <utility>

#include <unistd.h>

#include "archive_input.h"
#include "codec/stream.h"
#include "codec/tar.h"
#include "pipe.h"
#include "tree.h"

namespace estiba::image {
namespace {

constexpr std::size_t kMaxDocument = 8U << 20;
constexpr std::uint64_t kMaxEntries = 200'000;
constexpr int kMaxLinks = 8;
constexpr std::string_view kBlobs = "blobs/sha256/";
constexpr std::string_view kTar = ".tar";

bool IsDocument(const std::string& path) {
  return path == "manifest.json" || path == "index.json" || path == "oci-layout";
}

// What old versions of docker save add for older ones.
bool IsLegacy(const std::string& path) {
  return path == "repositories" || path.ends_with("/VERSION") || path.ends_with("/json");
}

// A symlink's target, as a path in the archive.
Result<std::string> TargetOf(const std::string& path, const std::string& link) {
  std::string folder = SplitLast(path).parent;
  std::string_view rest = link;
  while (rest.starts_with("../")) {
    if (folder.empty()) return Error(Code::kInvalidArgument, "archive entry '" + path + "' leads out of the archive");
    folder = SplitLast(folder).parent;
    rest.remove_prefix(3);
  }
  return CleanPath(folder.empty() ? std::string(rest) : folder + "/" + std::string(rest));
}

class Scanner {
 public:
  Scanner(BytePipe& from, const store::ContentStore& content, const std::string& lease, PreparedLayers& prepared)
      : from_(from), content_(content), lease_(lease), prepared_(prepared),
        reader_([&from] { return from.Read(); }, Limits()) {}

  Result<ScannedArchive> Run() {
    codec::TarEntry entry;
    while (true) {
      const bool more = TRY(reader_.Next(entry));
      if (!more) break;
      TRY(Take(entry));
    }
    TRY(Drain(from_));
    return std::move(out_);
  }

 private:
  static codec::TarLimits Limits() {
    codec::TarLimits limits;
    limits.max_entries = kMaxEntries;
    return limits;
  }

  Status Take(const codec::TarEntry& entry) {
    const std::string path = TRY(CleanPath(entry.path));
    if (entry.kind == codec::TarKind::kSymlink) {
      out_.links[path] = TRY(TargetOf(path, entry.link));
      return Ok();
    }
    if (entry.kind == codec::TarKind::kHardlink) {
      out_.links[path] = TRY(CleanPath(entry.link));
      return Ok();
    }
    if (entry.kind != codec::TarKind::kFile || IsLegacy(path)) return Ok();
    if (!IsDocument(path)) return Store(path, entry.size);
    out_.documents[path] = TRY(reader_.ReadAll(kMaxDocument));
    return Ok();
  }

  Status Store(const std::string& path, std::uint64_t promised) {
    store::Ingest ingest = TRY(content_.CreateIngest(lease_));
    codec::TarReader::Chunk chunk = TRY(reader_.Read());
    const Fetch rest = [&](const codec::ByteSink& sink) -> Status {
      for (; !chunk.bytes.empty(); chunk = TRY(reader_.Read())) {
        if (chunk.offset != ingest.size())
          return Error(Code::kInvalidArgument, "archive entry '" + path + "' is a sparse file; images have none");
        TRY(ingest.Write(chunk.bytes));
        TRY(sink(chunk.bytes));
      }
      return Ok();
    };
    if (LooksLikeLayer(chunk.bytes) && !IsKnown(path)) {
      TRY(prepared_.Pass(promised, rest, [&ingest] { return ingest.Digest(); }));
    } else {
      TRY(rest([](std::string_view) { return Ok(); }));
    }
    const std::uint64_t size = ingest.size();
    const std::string digest = path.starts_with(kBlobs) ? "sha256:" + path.substr(kBlobs.size()) : ingest.Digest();
    TRY_CTX(ingest.Commit(digest, size), "archive entry '" + path + "'");
    out_.files[path] = {digest, size};
    return Ok();
  }

  // By its name, as layouts and podman's archives have it: its layer is most probably there as well.
  bool IsKnown(std::string_view path) const {
    if (path.starts_with(kBlobs)) path.remove_prefix(kBlobs.size());
    if (path.ends_with(kTar)) path.remove_suffix(kTar.size());
    return content_.Has("sha256:" + std::string(path));
  }

  BytePipe& from_;
  const store::ContentStore& content_;
  const std::string& lease_;
  PreparedLayers& prepared_;
  codec::TarReader reader_;
  ScannedArchive out_;
};

}  // namespace

Result<StoredFile> ScannedArchive::Find(const std::string& path) const {
  std::string at = path;
  for (int i = 0; i < kMaxLinks; ++i) {
    const auto file = files.find(at);
    if (file != files.end()) return file->second;
    const auto link = links.find(at);
    if (link == links.end()) break;
    at = link->second;
  }
  return Error(Code::kInvalidArgument, "the archive has no '" + path + "'");
}

Result<ScannedArchive> ScanArchive(int archive, const store::ContentStore& content, const std::string& lease,
                                   PreparedLayers& prepared) {
  constexpr std::size_t kPieces = 4;
  PiecePool pool;
  BytePipe pipe(pool, kPieces);
  Status fed = Ok();
  std::thread feeder([&] {
    fed = InflateArchive([archive](const codec::ByteSink& sink) { return ReadToEnd(archive, sink); }, pipe);
    pipe.CloseWriter(fed);
  });
  auto scanned = Scanner(pipe, content, lease, prepared).Run();
  pipe.CloseReader();
  feeder.join();
  return scanned;
}

}  // namespace estiba::image
