#include "signature_store.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>

#include "codec/base64.h"
#include "image/transfer.h"
#include "oci/image.h"
#include "os/file.h"
#include "registry/download.h"

namespace estiba::image {
namespace {

constexpr std::size_t kMaxSignature = 1U << 20;
constexpr std::size_t kMaxSignatures = 100;
constexpr std::string_view kPayloadType = "application/vnd.dev.cosign.simplesigning.v1+json";
constexpr const char* kSignature = "dev.cosignproject.cosign/signature";

Error TooLarge() { return Error(Code::kResourceExhausted, "a signature is larger than 1 MiB"); }

Result<std::string> FetchPayload(registry::Client& client, const std::string& path, const oci::Descriptor& blob) {
  if (blob.size > kMaxSignature) return TooLarge();
  std::string payload;
  TRY(client.GetBlob(path, blob, [&payload](std::string_view bytes) {
    payload.append(bytes);
    return Ok();
  }));
  return payload;
}

Result<std::string> Download(const std::string& url) {
  std::string out;
  TRY(registry::Download(url, [&out](std::string_view bytes) -> Status {
    if (out.size() + bytes.size() > kMaxSignature) return TooLarge();
    out += bytes;
    return Ok();
  }));
  return out;
}

// Beneath the folder, whatever symbolic links are in it. Opening waits for nobody: it may be anything.
Result<std::string> ReadSignature(os::DirFd folder, const std::string& name) {
  const os::UniqueFd file = TRY(os::OpenWithin(folder, name, O_RDONLY | O_NONBLOCK | O_NOCTTY));
  struct stat status {};
  if (::fstat(file.get(), &status) < 0) return Error::Errno(errno, "read '" + name + "'");
  if (!S_ISREG(status.st_mode)) return Error(Code::kInvalidArgument, "'" + name + "' is no file");
  if (status.st_size > static_cast<off_t>(kMaxSignature)) return TooLarge();
  return os::ReadAll(file.get(), kMaxSignature);
}

bool IsMissing(const Error& error) {
  return error.code() == Code::kNotFound || error.errnum() == ENOENT || error.errnum() == ENOTDIR;
}

// `read` answers the one of a number, from 1.
template <typename F>
Result<std::vector<std::string>> UntilOneIsMissing(F read) {
  std::vector<std::string> out;
  while (out.size() < kMaxSignatures) {
    Result<std::string> one = read("signature-" + std::to_string(out.size() + 1));
    if (!one.ok() && IsMissing(one.error())) break;
    if (!one.ok()) return std::move(one).error();
    out.push_back(std::move(*one));
  }
  return out;
}

}  // namespace

Result<std::string> AttachedTag(const std::string& digest) {
  return "sha256-" + TRY(oci::DigestHex(digest)) + ".sig";
}

Result<std::vector<AttachedSignature>> FetchAttached(registry::Client& client, const std::string& path,
                                                     const std::string& digest) {
  const std::string tag = TRY(AttachedTag(digest));
  std::vector<AttachedSignature> out;
  auto fetched = client.GetManifest(path, tag);
  if (!fetched.ok() && fetched.error().code() == Code::kNotFound) return out;
  if (!fetched.ok()) return std::move(fetched).error();
  const oci::Manifest manifest = TRY(oci::ParseManifest(fetched->bytes));
  for (const oci::Descriptor& layer : manifest.layers) {
    const auto encoded = layer.annotations.find(kSignature);
    if (layer.media_type != kPayloadType || encoded == layer.annotations.end()) continue;
    auto bytes = codec::DecodeBase64(encoded->second);
    if (!bytes.ok()) continue;
    std::string payload = TRY_CTX(FetchPayload(client, path, layer), "fetch a signature");
    out.push_back({std::move(payload), std::move(*bytes)});
    if (out.size() >= kMaxSignatures) break;
  }
  return out;
}

Result<std::string> LookasideOf(const std::string& base, const std::string& path, const std::string& digest) {
  return base + "/" + path + "@sha256=" + TRY(oci::DigestHex(digest));
}

Result<std::vector<std::string>> FetchLookaside(const std::string& lookaside) {
  const std::string folder = FolderOfLookaside(lookaside);
  if (folder.empty())
    return UntilOneIsMissing([&](const std::string& name) { return Download(lookaside + "/" + name); });
  const auto opened = os::OpenAt({AT_FDCWD}, folder, O_PATH | O_DIRECTORY);
  if (!opened.ok() && IsMissing(opened.error())) return std::vector<std::string>{};
  if (!opened.ok()) return opened.error().Clone();
  return UntilOneIsMissing([&](const std::string& name) { return ReadSignature({opened->get()}, name); });
}

}  // namespace estiba::image
