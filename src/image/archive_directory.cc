// Images that lie open, as a directory.

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive_scan.h"
#include "os/file.h"

namespace estiba::image {
namespace {

const std::string kBlobs = "blobs/sha256/";
constexpr std::size_t kMaxText = 8U << 20;
constexpr std::size_t kMaxFiles = 200'000;
constexpr std::size_t kRead = 256U << 10;

Status IngestFile(int file, std::uint64_t promised, store::Ingest& ingest, PreparedLayers& prepared, bool known) {
  std::string buffer(kRead, '\0');
  const auto read = [&]() -> Result<std::string_view> {
    while (true) {
      const ssize_t n = ::read(file, buffer.data(), buffer.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return Error::Errno(errno, "read it");
      return std::string_view(buffer).substr(0, static_cast<std::size_t>(n));
    }
  };
  std::string_view piece = TRY(read());
  const Fetch all = [&](const codec::ByteSink& sink) -> Status {
    while (!piece.empty()) {
      TRY(ingest.Write(piece));
      TRY(sink(piece));
      piece = TRY(read());
    }
    return Ok();
  };
  if (known || !LooksLikeLayer(piece)) return all([](std::string_view) { return Ok(); });
  return prepared.Pass(promised, all, [&ingest] { return ingest.Digest(); });
}

class DirectoryScanner {
 public:
  DirectoryScanner(int directory, const store::ContentStore& content, const std::string& lease,
                   PreparedLayers& prepared)
      : directory_(directory), content_(content), lease_(lease), prepared_(prepared) {}

  Result<ScannedArchive> Run() {
    TRY(IsThere("index.json") || !IsThere("manifest.json") ? ScanLayout() : ScanPlain());
    return std::move(out_);
  }

 private:
  bool IsThere(const char* name) const { return ::faccessat(directory_, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0; }

  Status ScanLayout() {
    for (const char* name : {"index.json", "oci-layout"})
      out_.documents[name] = TRY_CTX(os::ReadFileAt({directory_}, name, kMaxText), "the directory is no OCI layout");
    const os::UniqueFd blobs =
        TRY_CTX(os::OpenInRoot({directory_}, "blobs/sha256", O_RDONLY | O_DIRECTORY), "the directory is no OCI layout");
    std::vector<std::string> names = TRY(os::ListDirectory({blobs.get()}, "."));
    if (names.size() > kMaxFiles) return Error(Code::kResourceExhausted, "the layout has more than 200000 blobs");
    std::ranges::sort(names);
    for (const std::string& name : names) {
      // Others are what another program has left under way.
      if (oci::IsDigest("sha256:" + name)) TRY(TakeBlob(blobs.get(), name));
    }
    return Ok();
  }

  // containers-transports(5), "dir": an image's manifest, and its blobs beside it. It becomes the one of a layout.
  Status ScanPlain() {
    const std::string text = TRY(os::ReadFileAt({directory_}, "manifest.json", kMaxText));
    const oci::DocumentKind kind = TRY_CTX(oci::KindOfDocument(text, ""), "manifest.json");
    if (kind != oci::DocumentKind::kManifest)
      return Error(Code::kNotImplemented, "manifest.json of the directory is an index").Hint("copy one of its images");
    const oci::Manifest manifest = TRY(oci::ParseManifest(text));
    std::vector<oci::Descriptor> blobs = manifest.layers;
    blobs.push_back(manifest.config);
    for (const oci::Descriptor& blob : blobs) {
      const std::string hex = TRY(oci::DigestHex(blob.digest));
      if (!out_.files.contains(kBlobs + hex)) TRY(TakeBlob(directory_, hex));
    }
    oci::Descriptor top;
    top.media_type = manifest.media_type;
    top.digest = TRY(content_.Write(lease_, text));
    top.size = text.size();
    const std::string hex = TRY(oci::DigestHex(top.digest));
    out_.files[kBlobs + hex] = {top.digest, top.size};
    out_.documents["index.json"] = oci::WriteIndex({"", {top}, {}});
    out_.documents["oci-layout"] = "{}";
    return Ok();
  }

  Status TakeBlob(int folder, const std::string& hex) {
    const std::string digest = "sha256:" + hex;
    const os::UniqueFd file = TRY(os::OpenAt({folder}, hex, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
    struct stat status {};
    if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode))
      return Error(Code::kInvalidArgument, "blob '" + digest + "' of the directory is no regular file");
    store::Ingest ingest = TRY(content_.CreateIngest(lease_));
    const auto size = static_cast<std::uint64_t>(status.st_size);
    TRY_CTX(IngestFile(file.get(), size, ingest, prepared_, content_.Has(digest)), "blob '" + digest + "'");
    const std::uint64_t read = ingest.size();
    TRY_CTX(ingest.Commit(digest, read), "blob '" + digest + "'");
    out_.files[kBlobs + hex] = {digest, read};
    return Ok();
  }

  const int directory_;
  const store::ContentStore& content_;
  const std::string& lease_;
  PreparedLayers& prepared_;
  ScannedArchive out_;
};

}  // namespace

Result<ScannedArchive> ScanDirectory(int directory, const store::ContentStore& content, const std::string& lease,
                                     PreparedLayers& prepared) {
  return DirectoryScanner(directory, content, lease, prepared).Run();
}

}  // namespace estiba::image
