#pragma once

#include "client/api.h"

namespace estiba::cli {

// Sends the request and shows its progress messages on `fd`; an error message becomes the error.
Status FollowProgress(Api* api, const http::Request& request, int fd, bool quiet);

}  // namespace estiba::cli
