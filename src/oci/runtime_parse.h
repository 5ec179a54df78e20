#pragma once
// Pieces of config.json, read by the two halves of the parser.

#include "codec/json_reader.h"
#include "oci/runtime_spec.h"

namespace estiba::oci {

void ReadStringMap(codec::Reader& in, const char* key, StringMap* out);
void ReadIdMappings(codec::Reader& in, const char* key, std::vector<IdMapping>* out);
void ReadLinux(codec::Reader& in, Linux* out);
void ReadResources(codec::Reader& in, Resources* out);
void ReadSeccomp(codec::Reader& in, Seccomp* out);

}  // namespace estiba::oci
