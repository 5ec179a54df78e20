#pragma once
// One pass over an image archive: its documents in memory, everything else into the content store, and what may be a
// layer unpacked on the way.

#include <map>
#include <string>

#include "base/result.h"
#include "prepared.h"
#include "store/content.h"

namespace estiba::image {

struct StoredFile {
  std::string digest;
  std::uint64_t size = 0;
};

struct ScannedArchive {
  std::map<std::string, std::string> documents;  // "manifest.json", "index.json", "oci-layout"
  std::map<std::string, StoredFile> files;
  std::map<std::string, std::string> links;      // path → path, both clean

  // Through links, boundedly; kInvalidArgument when the archive does not have it.
  Result<StoredFile> Find(const std::string& path) const;
};

// Reads the descriptor to its end; plain, gzip or zstd.
Result<ScannedArchive> ScanArchive(int archive, const store::ContentStore& content, const std::string& lease,
                                   PreparedLayers& prepared);
// The same of a directory: an OCI layout, or skopeo's "dir", which becomes one. Its files are read, never linked: their
// owner may change them.
Result<ScannedArchive> ScanDirectory(int directory, const store::ContentStore& content, const std::string& lease,
                                     PreparedLayers& prepared);

}  // namespace estiba::image
