#pragma once
// Pieces of the image documents' JSON that several of them share.

#include "codec/json.h"
#include "codec/json_reader.h"
#include "oci/image.h"

namespace estiba::oci {

inline constexpr std::size_t kMaxDocument = 4U << 20;
inline constexpr std::size_t kMaxManifests = 512;
inline constexpr std::size_t kMaxLayers = 500;  // what overlayfs stacks

Result<codec::Json> ParseDocument(std::string_view text, const char* what);
void ReadPlatform(codec::Reader& in, Platform* out);
void WritePlatform(const Platform& platform, codec::Json& out);

}  // namespace estiba::oci
