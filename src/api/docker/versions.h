#pragma once
// What differs between API versions. The engine speaks the newest: requests of older clients are brought to it, answers
// are brought back to what a client of `minor` (of 1.x) knows, as Docker's engine does for it. Differences that are one
// line of a route are in the route.

#include <string>
#include <vector>

#include "apitypes/container.h"
#include "apitypes/container_inspect.h"
#include "apitypes/image.h"
#include "apitypes/network.h"
#include "apitypes/stats.h"
#include "apitypes/system.h"
#include "base/result.h"
#include "codec/json.h"
#include "http/message.h"

namespace estiba::api::docker {

// ---- requests (versions_requests.cc): what the version did not know is dropped, or where that would do something else
// than was meant, refused

// Answers warnings.
Result<std::vector<std::string>> AdaptCreate(int minor, apitypes::ContainerCreate& create);
void AdaptUpdate(int minor, apitypes::ContainerUpdate& update);
void AdaptNetworkCreate(int minor, apitypes::NetworkCreate& create);

// ---- answers (versions_answers.cc)

codec::Json ForVersion(int minor, const apitypes::ContainerSummary& container);
codec::Json ForVersion(int minor, const apitypes::ContainerInspect& container);
codec::Json ForVersion(int minor, const apitypes::ImageSummary& image);
codec::Json ForVersion(int minor, const apitypes::ImageInspect& image);
codec::Json ForVersion(int minor, const apitypes::Network& network);
codec::Json ForVersion(int minor, const apitypes::Stats& stats);
codec::Json ForVersion(int minor, const apitypes::Info& info);
// GET /system/df, of which the engine gives the lists that older clients know: since 1.52 there are sums, without the
// lists where `verbose` asks for them inside.
codec::Json DiskUsageForVersion(int minor, codec::Json usage, bool verbose);

// ---- events (versions_events.cc)

// By the Accept field's exact types, else what the version is used to.
std::string EventsType(int minor, const http::Headers& headers);
// One event in a stream of that type; empty: such a client does not see it.
std::string EventText(int minor, const std::string& type, const apitypes::Event& event);

}  // namespace estiba::api::docker
