#pragma once
// For tests: what is answered is held against the description of the API.

#include "http/server.h"
#include "os/fd.h"

namespace estiba::estibad {

// `handler`, but every answer in JSON is appended to `file` as a line, {"method", "path", "status", "body"}; of a
// stream each piece that is written. What a pipe holds (archives, a container's changes) goes past it.
http::Handler RecordAnswers(http::Handler handler, os::UniqueFd file);

}  // namespace estiba::estibad
