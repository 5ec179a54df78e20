#pragma once
// short-name-aliases.conf: what a user has chosen a short name to mean. podman reads and writes the same file
// (containers-registries.conf(5), "Short-Name Aliasing: Modes").

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "oci/reference.h"

namespace estiba::sources {

// root's is below /var/cache, another's below $XDG_CACHE_HOME, which is ~/.cache unless it is set.
std::string AliasFileOf(bool root, const std::function<const char*(const char*)>& variable);

// The full name that the file has for a short one, whatever its tag; "" where it says that there is none, and nothing
// where it does not know the name or is not there.
Result<std::optional<std::string>> FindAlias(const std::string& path, std::string_view text);
// Enters the name of `chosen` for the short one. A file that is made is its owner's alone (0600); one that cannot be
// understood is left as it is. Waits while podman or another command writes.
Status RecordAlias(const std::string& path, std::string_view text, const oci::Reference& chosen);

}  // namespace estiba::sources
