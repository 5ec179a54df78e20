#include "registry/download.h"

#include <chrono>

#include "curl.h"
#include "registry/client.h"

namespace estiba::registry {
namespace {

Code CodeOf(long status) {
  switch (status) {
    case 401: return Code::kUnauthenticated;
    case 403: return Code::kPermissionDenied;
    case 404:
    case 410: return Code::kNotFound;
    default: return Code::kUnavailable;
  }
}

// "host:port" of a URL.
std::string HostOf(const std::string& url) {
  const std::size_t start = url.find("://") + 3;
  std::string host = url.substr(start, url.find_first_of("/?#", start) - start);
  if (const std::size_t at = host.rfind('@'); at != std::string::npos) host.erase(0, at + 1);
  return host;
}

}  // namespace

Status Download(const std::string& url, const codec::ByteSink& sink) {
  if (!url.starts_with("http://") && !url.starts_with("https://"))
    return Error(Code::kInvalidArgument, "'" + url + "' is no http or https URL");
  Curl curl({.connect_timeout = std::chrono::seconds(15), .stall_timeout = std::chrono::seconds(60)});
  Request request;
  request.url = url;
  request.allow_http = url.starts_with("http://");
  request.direct = IsLoopback(HostOf(url));
  request.body = [&sink](const Response&, std::string_view bytes) { return sink(bytes); };
  Trouble trouble = Trouble::kBroken;
  const std::string context = "download from '" + HostOf(url) + "'";
  const Response response = TRY_CTX(curl.Perform(request, &trouble), context);
  if (response.status / 100 == 2) return Ok();
  return Error(CodeOf(response.status), context + ": the server answers " + std::to_string(response.status));
}

}  // namespace estiba::registry
