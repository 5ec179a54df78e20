#pragma once

#include <string>

#include "base/result.h"
#include "codec/stream.h"

namespace estiba::registry {

// A file from an http or https URL, once and in order, to the sink. The proxies of the environment are used (not for
// loopback). kInvalidArgument for what is no such URL, kNotFound and kPermissionDenied as the server says, kUnavailable
// when it does not answer, kDataLoss when it ends too early. A sink's own error comes back as it is.
Status Download(const std::string& url, const codec::ByteSink& sink);

}  // namespace estiba::registry
