#pragma once
// Manifests and indexes of the content store, and whether all they name is there.

#include <optional>
#include <string>
#include <vector>

#include "image/transfer.h"
#include "oci/image.h"
#include "store/content.h"

namespace estiba::image {

inline constexpr std::size_t kMaxDocument = 4U << 20;
inline constexpr int kMaxIndexDepth = 2;  // an index of indexes is allowed, a deeper one is not

struct StoredDocument {
  std::string digest;
  std::string text;
  std::string media_type;
  oci::DocumentKind kind = oci::DocumentKind::kManifest;
};

// `media_type`: what its descriptor says; empty: what it says itself.
Result<StoredDocument> ReadDocument(const store::ContentStore& content, const std::string& digest,
                                    const std::string& media_type = {});

// The manifest of the item's image, or where `platform` is not the one that it is for, of another that its indexes name
// and that is here. kNotFound says what would bring it.
Result<std::string> FindManifestFor(const store::ContentStore& content, const SaveItem& item,
                                    const oci::Platform& platform);

// Digests of everything an index names, in it and in indexes within it: children first, each once. Nothing when some of
// it is missing, but for layers that may not be distributed.
std::optional<std::vector<std::string>> PartsOfIndex(const store::ContentStore& content, const oci::Index& index);

// Notes in `image` that the index it came from is kept, if that is here with all that it names.
void KeepWhole(const store::ContentStore& content, const std::string& digest, const oci::Index& index,
               LoadedImage& image);

// The first of these indexes that is here with all that it names.
std::optional<StoredDocument> FindWholeIndex(const store::ContentStore& content,
                                             const std::vector<std::string>& digests);

}  // namespace estiba::image
