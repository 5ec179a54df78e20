#include "stored_image.h"

#include <algorithm>
#include <set>

namespace estiba::image {
namespace {

class PartsCollector {
 public:
  explicit PartsCollector(const store::ContentStore& content) : content_(content) {}

  bool Add(const oci::Index& index, int depth) {
    return std::ranges::all_of(index.manifests, [&](const oci::Descriptor& child) { return AddChild(child, depth); });
  }
  std::vector<std::string> Take() { return std::move(parts_); }

 private:
  bool AddChild(const oci::Descriptor& child, int depth) {
    if (!oci::IsDigest(child.digest) || !content_.Has(child.digest)) return false;
    const auto document = ReadDocument(content_, child.digest, child.media_type);
    if (!document.ok()) return false;
    if (document->kind == oci::DocumentKind::kIndex) {
      const auto inner = oci::ParseIndex(document->text);
      if (!inner.ok() || depth >= kMaxIndexDepth || !Add(*inner, depth + 1)) return false;
    } else if (!AddBlobsOf(document->text)) {
      return false;
    }
    Note(child.digest);
    return true;
  }

  bool AddBlobsOf(const std::string& text) {
    const auto manifest = oci::ParseManifest(text);
    if (!manifest.ok() || !content_.Has(manifest->config.digest)) return false;
    Note(manifest->config.digest);
    for (const oci::Descriptor& layer : manifest->layers) {
      const bool has = content_.Has(layer.digest);
      if (has) Note(layer.digest);
      if (!has && !oci::IsForeignLayer(layer)) return false;
    }
    return true;
  }

  void Note(const std::string& digest) {
    if (std::ranges::find(parts_, digest) == parts_.end()) parts_.push_back(digest);
  }

  const store::ContentStore& content_;
  std::vector<std::string> parts_;
};

// Of what is no image: one that says nothing.
Result<oci::Platform> PlatformOf(const store::ContentStore& content, const std::string& digest) {
  const StoredDocument document = TRY(ReadDocument(content, digest));
  const oci::Manifest manifest = TRY(oci::ParseManifest(document.text));
  if (!oci::ArtifactTypeOf(manifest).empty()) return oci::Platform();
  const std::string text = TRY(content.Read(manifest.config.digest, kMaxDocument));
  oci::ImageConfig config = TRY(oci::ParseImageConfig(text));
  return std::move(config.platform);
}

}  // namespace

Result<std::string> FindManifestFor(const store::ContentStore& content, const SaveItem& item,
                                    const oci::Platform& platform) {
  if (platform.os.empty()) return item.manifest_digest;
  const oci::Platform own = TRY(PlatformOf(content, item.manifest_digest));
  if (oci::CheckPlatform("", own, platform).ok()) return item.manifest_digest;
  for (const std::string& digest : item.index_digests) {
    const auto document = ReadDocument(content, digest);
    const auto index = document.ok() ? oci::ParseIndex(document->text) : document.error().Clone();
    const auto chosen = index.ok() ? oci::SelectManifest(*index, platform) : index.error().Clone();
    if (chosen.ok() && content.Has(chosen->digest)) return chosen->digest;
  }
  return Error(Code::kNotFound, "it is here for " + own.ToString() + ", not for " + platform.ToString())
      .Hint("'estiba pull --platform " + platform.ToString() + "' or '--all-platforms' brings it");
}

Result<StoredDocument> ReadDocument(const store::ContentStore& content, const std::string& digest,
                                    const std::string& media_type) {
  StoredDocument out;
  out.digest = digest;
  out.text = TRY_CTX(content.Read(digest, kMaxDocument), "read the image's manifest");
  out.kind = TRY(oci::KindOfDocument(out.text, media_type));
  out.media_type = media_type.empty() ? TRY(oci::MediaTypeOf(out.text, media_type)) : media_type;
  return out;
}

std::optional<std::vector<std::string>> PartsOfIndex(const store::ContentStore& content, const oci::Index& index) {
  PartsCollector parts(content);
  if (!parts.Add(index, 0)) return std::nullopt;
  return parts.Take();
}

void KeepWhole(const store::ContentStore& content, const std::string& digest, const oci::Index& index,
               LoadedImage& image) {
  const auto parts = PartsOfIndex(content, index);
  if (!parts) return;
  image.index_digest = digest;
  std::set<std::string> own(image.kept.begin(), image.kept.end());
  for (const LayerInfo& layer : image.layers) own.insert(layer.digest);
  for (const std::string& part : *parts)
    if (own.insert(part).second) image.kept.push_back(part);
}

std::optional<StoredDocument> FindWholeIndex(const store::ContentStore& content,
                                             const std::vector<std::string>& digests) {
  for (const std::string& digest : digests) {
    if (!content.Has(digest)) continue;
    auto document = ReadDocument(content, digest);
    if (!document.ok() || document->kind != oci::DocumentKind::kIndex) continue;
    const auto index = oci::ParseIndex(document->text);
    if (index.ok() && PartsOfIndex(content, *index)) return std::move(*document);
  }
  return std::nullopt;
}

}  // namespace estiba::image
