#pragma once
// Scopes of images in policy.json and registries.d, which mean the same by them.

#include <string>
#include <vector>

#include "oci/reference.h"

namespace estiba::sources {

// From the reference itself over its repository and the folders above it to its host, then the host's domains:
// "*.b.c", "*.c".
std::vector<std::string> ScopesOf(const oci::Reference& reference);

}  // namespace estiba::sources
