#pragma once
// An engine's host as -H, ESTIBA_HOST and DOCKER_HOST name it.

#include <string>

#include "base/result.h"
#include "client/endpoint.h"

namespace estiba::cli {

// "unix:///run/x.sock", "/run/x.sock", "tcp://HOST[:PORT]" (2375, with TLS 2376), "ssh://[USER@]HOST[:PORT][/SOCKET]".
Result<Endpoint> ParseEngineHost(const std::string& host, const TlsChoice& tls);

}  // namespace estiba::cli
