// HEAD, GET and PUT /containers/{id}/archive?path=: paths of containers, as tar archives.
#include "base/text.h"
#include "call.h"
#include "codec/base64.h"
#include "router.h"
#include "streams.h"

namespace estiba::api::docker {
namespace {

constexpr const char* kStatField = "X-Docker-Container-Path-Stat";

Result<std::string> ReadPath(const Call& call) {
  const std::string& path = call.query("path");
  if (path.empty()) return Error(Code::kInvalidArgument, "bad parameter: 'path' cannot be empty");
  if (path.contains('\0')) return Error(Code::kInvalidArgument, "bad parameter: 'path' holds a NUL byte");
  return path;
}

bool IsZero(std::string_view quality) { return quality.find_first_not_of("0.") == std::string_view::npos; }

// RFC 9110, 12.5.3: "gzip", "br, gzip;q=0.5", "*".
bool AcceptsGzip(const Call& call) {
  bool any = false;
  for (const std::string& item : Split(call.exchange->headers().Get("Accept-Encoding"), ',')) {
    const std::size_t semicolon = item.find(';');
    const std::string coding = ToLower(Trim(std::string_view(item).substr(0, semicolon)));
    const std::size_t quality = item.find("q=", semicolon == std::string::npos ? item.size() : semicolon);
    const bool refused =
        quality != std::string::npos && IsZero(Trim(std::string_view(item).substr(quality + 2)));
    if (coding == "gzip") return !refused;
    if (coding == "*") any = !refused;
  }
  return any;
}

Status Look(Call& call) {
  const std::string path = TRY(ReadPath(call));
  const std::string stat = TRY(call.engine->StatContainerPath(call.id(), path));
  call.exchange->Respond(200, {{kStatField, codec::EncodeBase64(stat)}}, "");
  return Ok();
}

Status Take(Call& call) {
  const std::string path = TRY(ReadPath(call));
  const bool gzip = AcceptsGzip(call);
  const engine::PathArchive archive = TRY(call.engine->TakeContainerPath(call.id(), path, gzip));
  http::Headers more{{kStatField, codec::EncodeBase64(archive.stat)}};
  if (gzip) more.Set("Content-Encoding", "gzip");
  return SendStream(call, archive.stream, "application/x-tar", std::move(more));
}

Status Put(Call& call) {
  engine::PutRequest request;
  request.path = TRY(ReadPath(call));
  request.container = call.id();
  request.keep_kinds = call.flag("noOverwriteDirNonDir");
  request.to_user = call.flag("copyUIDGID");
  const auto done = [exchange = call.exchange](const Status& status) {
    if (status.ok()) return RespondEmpty(*exchange, 200);
    RespondError(*exchange, status.error());
  };
  const engine::Token token = TRY(call.engine->PutContainerPath(request, call.exchange->TakeBody(), done));
  CancelWhenCut(call, token);
  return Ok();
}

}  // namespace

void AddArchiveRoutes(Router* router) {
  router->Add("HEAD", "/containers/{id}/archive", Look);
  router->Add("GET", "/containers/{id}/archive", Take);
  router->Add("PUT", "/containers/{id}/archive", Put);
}

}  // namespace estiba::api::docker
