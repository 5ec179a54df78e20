#pragma once

#include <functional>

#include "client/api.h"
#include "codec/json.h"

namespace estiba::cli {

// Sends the request and shows its progress messages on `fd`; an error message becomes the error.
// `each` sees every one of them.
Status FollowProgress(Api* api, const http::Request& request, int fd, bool quiet,
                      const std::function<void(const codec::Json&)>& each = {});

}  // namespace estiba::cli
