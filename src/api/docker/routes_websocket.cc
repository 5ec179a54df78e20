// GET /containers/{id}/attach/ws: attach by WebSocket (RFC 6455), output never in frames of docker's own.
#include <memory>
#include <utility>

#include "apitypes/stdcopy.h"
#include "base/log.h"
#include "codec/base64.h"
#include "codec/sha1.h"
#include "http/websocket.h"
#include "router.h"
#include "streams.h"

namespace estiba::api::docker {
namespace {

// What standard output and standard error hold, wherever a read cuts the frames they come in.
std::function<std::string(std::string_view)> WithoutFrames() {
  const auto plain = std::make_shared<std::string>();
  const auto frames = std::make_shared<apitypes::Demultiplexer>([plain](apitypes::Stream, std::string_view bytes) {
    *plain += bytes;
    return Ok();
  });
  return [plain, frames](std::string_view bytes) {
    const Status fed = frames->Feed(bytes);
    if (!fed.ok()) log::Warn("attach by WebSocket", {{"error", fed.error().Message()}});
    return std::exchange(*plain, {});
  };
}

Status AttachByWebSocket(Call& call) {
  const std::string challenge = TRY(http::WebSocketChallenge(call.exchange->head()));
  const std::string hash = TRY(codec::Sha1(challenge));
  // Which streams is asked for since API 1.42; before, all of them came.
  const auto wants = [&](std::string_view stream) { return call.minor < 42 || call.flag(stream); };
  engine::AttachRequest request;
  request.in = wants("stdin");
  request.out = wants("stdout");
  request.err = wants("stderr");
  request.logs = call.flag("logs");
  request.stream = call.flag("stream");
  request.detach_keys = call.query("detachKeys");
  const auto take = [&](bool tty) -> Result<engine::Connection> {
    http::WebSocketOptions options;
    options.accept = codec::EncodeBase64(hash);
    options.text = call.minor < 28;
    if (!tty) options.payload = WithoutFrames();
    return engine::Connection{TRY(call.exchange->OpenWebSocket(std::move(options))), {}};
  };
  return call.engine->AttachContainer(call.id(), request, take);
}

}  // namespace

void AddWebSocketRoutes(Router* router) { router->Add("GET", "/containers/{id}/attach/ws", AttachByWebSocket); }

}  // namespace estiba::api::docker
