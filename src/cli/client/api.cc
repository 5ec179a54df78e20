#include "client/api.h"

#include <cerrno>

#include <sys/socket.h>

#include "client/launcher.h"
#include "os/socket.h"
#include "version.h"

namespace estiba::cli {
namespace {

using codec::Json;

Code CodeOf(int status) {
  switch (status) {
    case 304: return Code::kNotModified;
    case 400: return Code::kInvalidArgument;
    case 401: return Code::kUnauthenticated;
    case 403: return Code::kPermissionDenied;
    case 404: return Code::kNotFound;
    case 409: return Code::kConflict;
    case 501: return Code::kNotImplemented;
    case 503: return Code::kUnavailable;
    default: return Code::kInternal;
  }
}

bool Good(int status) { return status >= 200 && status < 300; }

Error Refusal(int status, const std::string& body) {
  const auto json = codec::ParseJson(body);
  std::string message;
  if (json.ok()) message = json->GetString("message");
  if (message.empty()) message = body;
  if (message.empty()) message = "status " + std::to_string(status);
  while (message.ends_with('\n')) message.pop_back();
  return {CodeOf(status), "Error response from daemon: " + message};
}

Result<Json> Body(Result<http::Response> sent) {
  const http::Response response = TRY(std::move(sent));
  if (response.status == 304) return Json();
  if (!Good(response.status)) return Refusal(response.status, response.body);
  if (response.body.empty()) return Json();
  return TRY_CTX(codec::ParseJson(response.body), "read the engine's answer");
}

// The engine ends when idle only if nobody but this program, which can start it again, has called.
http::Request Signed(http::Request request) {
  request.headers.Set("User-Agent", "estiba/" + std::string(kVersion));
  return request;
}

http::Request MakeRequest(std::string method, const std::string& path, const http::Query& query) {
  http::Request request;
  request.method = std::move(method);
  request.target = query.empty() ? path : path + "?" + query.Encode();
  return Signed(std::move(request));
}

// Times one that is being killed may drop a connection it still took.
constexpr int kMaxDrops = 10;

// A file that was passed may have been written to.
bool IsSafe(const http::Request& request) {
  return (request.method == "GET" || request.method == "HEAD") && request.pass_fd < 0;
}

bool Dropped(const Error& error) { return error.errnum() == ECONNRESET || error.errnum() == EPIPE; }

bool NobodyListens(const Error& error) {
  return error.errnum() == ENOENT || error.errnum() == ECONNREFUSED || error.errnum() == ENOTDIR;
}

}  // namespace

std::string ContainerPath(std::string_view id, std::string_view action) {
  std::string path = "/containers/" + http::PercentEncode(id);
  if (!action.empty()) path += "/" + std::string(action);
  return path;
}

Api::Api(Endpoint endpoint)
    : endpoint_(std::move(endpoint)),
      connector_(std::make_shared<Connector>(endpoint_)),
      client_([connector = connector_] { return connector->Connect(); }) {}

Error Api::ExplainElsewhere(Error error) const {
  if (!Dropped(error)) return error;
  const std::string words = connector_->LastWords();
  Error explained(Code::kUnavailable, "error during connect: the engine at " + endpoint_.name +
                                          " has ended the connection" + (words.empty() ? "" : ": " + words));
  if (endpoint_.kind != Endpoint::Kind::kSsh) return explained;
  return std::move(explained).Hint("make sure that 'ssh " + endpoint_.host +
                                   "' works, that estiba or docker is installed there and that an engine runs");
}

Error Api::Explain(Error error) const {
  if (!endpoint_.here()) return ExplainElsewhere(std::move(error));
  if (error.errnum() == EACCES)
    return Error(Code::kPermissionDenied,
                 "permission denied while trying to connect to the engine at " + endpoint_.Display())
        .Hint("be root or in the group of the socket, or unset -H, ESTIBA_HOST and DOCKER_HOST for an engine of your "
              "own");
  if (NobodyListens(error))
    return Error(Code::kUnavailable,
                 "Cannot connect to the engine at " + endpoint_.Display() + ". Is it running?")
        .Hint("an engine named by -H, ESTIBA_HOST or DOCKER_HOST is not started by this command");
  // EPIPE stands for our own output everywhere else.
  if (error.errnum() == EPIPE) return Error::Errno(ECONNRESET, "the engine at " + endpoint_.Display());
  return error;
}

Status Api::EnsureEngine() {
  if (!endpoint_.here()) return Ok();  // the first request tells
  auto probe = os::ConnectUnix(endpoint_.socket, SOCK_STREAM);
  if (probe.ok()) return Ok();
  if (!endpoint_.ours || !NobodyListens(probe.error())) return Explain(std::move(probe).error());
  return StartEngine(endpoint_);
}

template <typename Try>
auto Api::WithEngine(bool safe, Try attempt) -> decltype(attempt()) {
  auto sent = attempt();
  for (int drops = 0; safe && endpoint_.ours && drops < kMaxDrops && !sent.ok() && Dropped(sent.error()); ++drops) {
    sent = attempt();
  }
  if (!sent.ok() && endpoint_.ours && NobodyListens(sent.error())) {
    TRY(StartEngine(endpoint_));
    sent = attempt();
  }
  if (!sent.ok()) return Explain(std::move(sent).error());
  return sent;
}

Result<http::Response> Api::Send(const http::Request& request) {
  return WithEngine(IsSafe(request), [&] { return client_.Send(request); });
}

Result<Json> Api::Get(const std::string& path, const http::Query& query) {
  return Body(Send(MakeRequest("GET", path, query)));
}

Result<Json> Api::Post(const std::string& path, const http::Query& query) {
  return Body(Send(MakeRequest("POST", path, query)));
}

Result<Json> Api::Post(const std::string& path, const http::Query& query, const Json& body) {
  http::Request request = MakeRequest("POST", path, query);
  request.headers.Set("Content-Type", "application/json");
  request.body = body.Dump();
  return Body(Send(request));
}

Result<Json> Api::Delete(const std::string& path, const http::Query& query) {
  return Body(Send(MakeRequest("DELETE", path, query)));
}

Result<std::string> Api::GetText(const std::string& path, const http::Query& query) {
  auto response = TRY(Send(MakeRequest("GET", path, query)));
  if (!Good(response.status)) return Refusal(response.status, response.body);
  return std::move(response.body);
}

Result<std::string> Api::PostText(const std::string& path, const http::Query& query, const Json& body) {
  http::Request request = MakeRequest("POST", path, query);
  request.headers.Set("Content-Type", "application/json");
  request.body = body.Dump();
  auto response = TRY(Send(request));
  if (!Good(response.status)) return Refusal(response.status, response.body);
  return std::move(response.body);
}

Result<std::unique_ptr<http::ResponseStream>> Api::Open(const http::Request& unsigned_request) {
  const http::Request request = Signed(unsigned_request);
  auto stream = TRY(WithEngine(IsSafe(request), [&] { return client_.Open(request); }));
  if (Good(stream->status())) return stream;
  const auto body = TRY(stream->ReadAll());
  return Refusal(stream->status(), body);
}

Result<http::Upgraded> Api::Upgrade(http::Request unsigned_request) {
  const http::Request request = Signed(std::move(unsigned_request));
  auto answer = TRY(WithEngine(/*safe=*/false, [&] { return client_.Upgrade(request); }));
  if (answer.connection) return std::move(*answer.connection);
  if (answer.refused) return Refusal(answer.refused->status, answer.refused->body);
  return Error(Code::kInternal, "the engine answered neither with a connection nor with an error");
}

}  // namespace estiba::cli
