#pragma once
// --publish and --expose.

#include <set>
#include <string>
#include <vector>

#include "apitypes/host_config.h"
#include "base/result.h"

namespace estiba::cli {

// "8080:80", "127.0.0.1::80/udp", "8000-8002:80-82", "[::1]:80:80", "target=80,published=8080": adds to
// `bindings` and names the container's ports in `exposed`.
Status ParsePublish(const std::string& text, apitypes::PortMap* bindings, std::set<std::string>* exposed);
// "80", "53/udp", "8000-8010/tcp".
Status ParseExpose(const std::string& text, std::set<std::string>* exposed);

}  // namespace estiba::cli
