// Containers: wait, attach, logs, stats; and the engine's events.
#include <atomic>
#include <cerrno>

#include <poll.h>

#include "base/parse.h"
#include "router.h"
#include "streams.h"

namespace estiba::api::docker {

std::string StreamType(bool tty, int minor) {
  return !tty && minor >= 42 ? "application/vnd.docker.multiplexed-stream"
                             : "application/vnd.docker.raw-stream";
}

engine::TakeConnection Taker(const Call& call) {
  return [exchange = call.exchange, minor = call.minor](bool tty) -> Result<engine::Connection> {
    // A client that asked for no upgrade is older than the multiplexed type.
    const bool upgrade = exchange->headers().Has("Upgrade") || exchange->method() == "GET";
    // docker-py reads the head through a buffer and then from the bare socket: what came with the head is
    // lost.
    const std::string& agent = exchange->headers().Get("User-Agent");
    const bool buffered =
        agent.find("docker-sdk-python/") != std::string::npos || agent.find("docker-py/") != std::string::npos;
    // It reads the head at once, unless it does not get to run.
    http::Detached detached = TRY(exchange->Detach(StreamType(tty, upgrade ? minor : 0),
                                                   std::chrono::milliseconds(buffered ? 5000 : 0)));
    return engine::Connection{std::move(detached.fd), std::move(detached.leftover)};
  };
}

void CancelWhenGone(const Call& call, engine::Token token) {
  call.exchange->OnPeerGone([engine = call.engine, token] { engine->Cancel(token); });
}

namespace {

Result<engine::WaitCondition> ReadCondition(const Call& call) {
  const std::string& text = call.query("condition");
  if (call.minor < 30 || text.empty() || text == "not-running") return engine::WaitCondition::kNotRunning;
  if (text == "next-exit") return engine::WaitCondition::kNextExit;
  if (text == "removed") return engine::WaitCondition::kRemoved;
  return Error(Code::kInvalidArgument, "invalid condition: \"" + text + "\"");
}

// The head goes out when the wait is registered: clients start the container when they see it.
Status Wait(Call& call) {
  const engine::WaitCondition condition = TRY(ReadCondition(call));
  engine::WaitCallbacks callbacks;
  callbacks.accepted = [exchange = call.exchange, minor = call.minor] {
    if (minor >= 30) exchange->StartStream(200, {{"Content-Type", "application/json"}});
  };
  callbacks.done = [exchange = call.exchange, minor = call.minor](const apitypes::WaitResponse& response) {
    if (minor < 30) return RespondJson(*exchange, 200, response.ToJson());
    exchange->Write(response.ToJson().Dump() + "\n");
    exchange->Finish();
  };
  const engine::Token token = TRY(call.engine->WaitContainer(call.id(), condition, std::move(callbacks)));
  CancelWhenGone(call, token);
  return Ok();
}

Status Attach(Call& call) {
  engine::AttachRequest request;
  request.in = call.flag("stdin");
  request.out = call.flag("stdout");
  request.err = call.flag("stderr");
  request.logs = call.flag("logs");
  request.stream = call.flag("stream");
  request.detach_keys = call.query("detachKeys");
  return call.engine->AttachContainer(call.id(), request, Taker(call));
}

// Docker's "systemerr" frame: clients print it as an error.
std::string ErrorFrame(const std::string& message) {
  const std::string text = "Error grabbing logs: " + message + "\n";
  std::string frame(1, '\x03');
  frame.append(3, '\0');
  for (const unsigned shift : {24U, 16U, 8U, 0U}) frame += static_cast<char>((text.size() >> shift) & 0xFFU);
  return frame + text;
}

Result<engine::LogsRequest> ReadLogs(const Call& call) {
  engine::LogsRequest request;
  request.out = call.flag("stdout");
  request.err = call.flag("stderr");
  if (!request.out && !request.err) {
    return Error(Code::kInvalidArgument, "Bad parameters: you must choose at least one stream");
  }
  request.follow = call.flag("follow");
  request.timestamps = call.flag("timestamps");
  request.details = call.flag("details");
  request.since = TRY(call.time("since"));
  request.until = TRY(call.time("until"));
  const std::string& tail = call.query("tail");
  // As Docker: what is no number means all.
  if (const auto lines = ParseInt(tail); lines.ok() && *lines >= 0) request.tail = *lines;
  return request;
}

Status Logs(Call& call) {
  const engine::LogsRequest request = TRY(ReadLogs(call));
  bool framed = false;
  engine::StreamSink sink;
  sink.begin = [&](bool tty) {
    framed = !tty;
    call.exchange->StartStream(200, {{"Content-Type", StreamType(tty, call.minor)}});
  };
  sink.write = [&](std::string_view bytes) { return call.exchange->WriteBlocking(bytes); };
  const Status status = call.engine->ContainerLogs(call.id(), request, Taker(call), sink);
  if (!status.ok() && !call.exchange->answered()) return status.error().Clone();
  if (!status.ok() && framed) (void)call.exchange->Write(ErrorFrame(status.error().Message()));
  if (!call.exchange->answered())
    call.exchange->StartStream(200, {{"Content-Type", StreamType(true, call.minor)}});
  call.exchange->Finish();  // nothing, when the monitor has taken the connection
  return Ok();
}

Status Stats(Call& call) {
  const bool stream = !call.has("stream") || call.flag("stream");
  const bool one_shot = call.flag("one-shot");
  if (stream && one_shot) return Error(Code::kInvalidArgument, "cannot have stream=true and one-shot=true");
  engine::StatsCallbacks callbacks;
  callbacks.sample = [exchange = call.exchange, stream, minor = call.minor](bool, const apitypes::Stats& stats) {
    if (!stream) return RespondJson(*exchange, 200, ForVersion(minor, stats));
    if (!exchange->answered()) exchange->StartStream(200, {{"Content-Type", "application/json"}});
    exchange->Write(ForVersion(minor, stats).Dump() + "\n");
  };
  callbacks.ended = [exchange = call.exchange](const Status& status) {
    if (exchange->answered()) return exchange->Finish();
    if (!status.ok()) return RespondError(*exchange, status.error());
    exchange->Respond(200, {{"Content-Type", "application/json"}}, "");
  };
  const engine::Token token =
      TRY(call.engine->ContainerStats(call.id(), stream, one_shot, std::move(callbacks)));
  CancelWhenGone(call, token);
  return Ok();
}

Status Events(Call& call) {
  engine::EventsRequest request;
  request.since = TRY(call.time("since"));
  request.until = TRY(call.time("until"));
  if (request.since != 0 && request.until != 0 && request.until < request.since) {
    return Error(Code::kInvalidArgument, "`since` time (" + call.query("since") +
                                             ") cannot be after `until` time (" + call.query("until") + ")");
  }
  request.filters = TRY(call.filters());
  const std::string type = EventsType(call.minor, call.exchange->headers());
  engine::EventsCallbacks callbacks;
  callbacks.accepted = [exchange = call.exchange, type] { exchange->StartStream(200, {{"Content-Type", type}}); };
  callbacks.event = [exchange = call.exchange, type, minor = call.minor](const apitypes::Event& event) {
    const std::string text = EventText(minor, type, event);
    if (!text.empty()) exchange->Write(text);
  };
  callbacks.ended = [exchange = call.exchange] { exchange->Finish(); };
  const engine::Token token = TRY(call.engine->SubscribeEvents(request, std::move(callbacks)));
  CancelWhenGone(call, token);
  return Ok();
}

// Whether anything comes before the pipe's end.
Result<bool> AwaitBytes(int pipe) {
  pollfd waiting{pipe, POLLIN, 0};
  while (::poll(&waiting, 1, -1) < 0) {
    if (errno != EINTR) return Error::Errno(errno, "wait for the answer");
  }
  return (waiting.revents & POLLIN) != 0;
}

}  // namespace

void CancelWhenCut(const Call& call, engine::Token token) {
  call.exchange->OnPeerGone([engine = call.engine, exchange = std::weak_ptr(call.exchange), token] {
    const auto alive = exchange.lock();
    if (!alive || !alive->body_complete()) engine->Cancel(token);
  });
}

Status SendStream(Call& call, const engine::OutputStream& stream, const char* content_type, http::Headers more) {
  const bool begun = TRY(AwaitBytes(stream.bytes.get()));
  if (begun) {
    more.Set("Content-Type", content_type);
    call.exchange->StartStream(200, std::move(more));
    if (!call.exchange->WriteFrom(stream.bytes.get())) return Ok();
  }
  const Status ended = stream.ended();
  if (!begun && !ended.ok()) return ended.error().Clone();
  if (ended.ok()) {
    call.exchange->Finish();
  } else {
    call.exchange->Abort();  // too late for an answer: the client sees that its archive was cut
  }
  return Ok();
}

void AddStreamRoutes(Router* router) {
  router->Add("POST", "/containers/{id}/wait", Wait);
  router->Add("POST", "/containers/{id}/attach", Attach);
  router->Add("GET", "/containers/{id}/logs", Logs);
  router->Add("GET", "/containers/{id}/stats", Stats);
  router->Add("GET", "/events", Events);
}

}  // namespace estiba::api::docker
