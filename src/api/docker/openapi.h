#pragma once

#include <string_view>

namespace estiba::api::docker {

// openapi.json: OpenAPI 3.1 of everything that is served.
std::string_view OpenApi();

}  // namespace estiba::api::docker
