#pragma once
// --mount, --volume and --tmpfs.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "apitypes/host_config.h"
#include "base/result.h"

namespace estiba::cli {

// "type=bind,source=/a,target=/b,readonly"; fields may be quoted as in CSV.
Result<apitypes::Mount> ParseMount(const std::string& text);
// "/a:/b:ro" and "name:/b" are binds, "/b" alone an anonymous volume. A source that starts with '.' is made
// absolute from the current directory.
Status ParseVolume(const std::string& text, std::vector<std::string>* binds,
                   std::set<std::string>* anonymous);
// Fields of one CSV line.
Result<std::vector<std::string>> SplitCsv(const std::string& text);

}  // namespace estiba::cli
